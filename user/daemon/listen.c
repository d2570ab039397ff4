// SPDX-License-Identifier: GPL-2.0
/* listen.c - addresses to listen on, as text and as sockets. Resolves no names. */
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/util.h"
#include "parts.h"

#define BACKLOG 64

/* Splits "ADDR:PORT", "[ADDR]:PORT" in buf. */
static int split(char *buf, const char **ret_host, const char **ret_port)
{
	char *colon = strrchr(buf, ':');
	size_t host_length;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return -EINVAL;
	host_length = (size_t)(colon - buf);
	*colon = '\0';
	*ret_host = buf;
	*ret_port = colon + 1;
	if (buf[0] == '[') {
		if (host_length < 2 || buf[host_length - 1] != ']')
			return -EINVAL;
		buf[host_length - 1] = '\0';
		*ret_host = buf + 1;
	} else if (strchr(buf, ':')) {
		return -EINVAL;
	}
	return **ret_host ? 0 : -EINVAL;
}

static int open_socket(const struct addrinfo *address)
{
	crmg_autoclose int fd = socket(address->ai_family,
				       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, ret;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	ret = fd;
	fd = -1;
	return ret;
}

int crmg_listen(const char *text, int *ret_fd, struct crmg_err *err)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *address;
	const char *host, *port;
	char buf[CRMG_LISTEN_LEN];
	int fd;

	crmg_copy(buf, sizeof(buf), text);
	if (strlen(text) >= sizeof(buf) || split(buf, &host, &port) < 0 || strlen(port) > 5 ||
	    atoi(port) > 65535 || getaddrinfo(host, port, &hints, &address) != 0)
		return crmg_err_set(err, -EINVAL, "--listen %s: an address and a port, like "
				    "127.0.0.1:9750 or [::1]:9750", text);
	fd = open_socket(address);
	freeaddrinfo(address);
	if (fd < 0)
		return crmg_err_set(err, fd, "cannot listen on %s: %s", text, strerror(-fd));
	*ret_fd = fd;
	return 0;
}

char *crmg_listen_text(int fd, char *buf, size_t size)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	char host[INET6_ADDRSTRLEN + 16] = "?", port[8] = "?";

	if (getsockname(fd, (struct sockaddr *)&address, &length) == 0)
		getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port,
			    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(buf, size, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return buf;
}
