// SPDX-License-Identifier: GPL-2.0
/* notify.c - tells the service manager how the daemon is: sd_notify(3), without a library. */
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../base/util.h"
#include "parts.h"

void crmg_notify(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = name ? strlen(name) : 0;
	crmg_autoclose int fd = -1;

	if (length < 2 || length >= sizeof(address.sun_path) || !strchr("/@", name[0]))
		return;
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* A service manager that does not listen is no reason to fail, nor to wait. */
	if (fd >= 0)
		(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
			     (const struct sockaddr *)&address,
			     offsetof(struct sockaddr_un, sun_path) + length);
}
