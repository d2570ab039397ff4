// SPDX-License-Identifier: GPL-2.0
/*
 * http.c - the endpoint. Clients are not trusted: few connections, each with
 * little memory and little time; no request body is ever read. When there are
 * too many, of one address or of all, the oldest of these goes: whoever holds connections
 * holds up nobody else.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "../base/util.h"
#include "../report/metrics.h"
#include "daemon.h"
#include "parts.h"

#define TIMEOUT_S      10
#define MEMORY_BYTES   (16 * 1024)	/* headers of one request, and the answer's */

/* Of all connections, what those of one address may take; two at least. */
#define ADDRESS_SHARE  4

struct peer {
	TAILQ_ENTRY(peer) entry;
	int fd;			/* -1: told to go */
	struct in6_addr address;
};

/* One listening socket, served by one thread: what is here is its own. */
struct server {
	struct MHD_Daemon *daemon;
	struct crmg_http *http;
	TAILQ_HEAD(, peer) peers;	/* the oldest first */
	unsigned int peer_count;
	unsigned int peers_max;
	unsigned int address_max;
};

struct crmg_http {
	struct server servers[CRMG_LISTEN_MAX];
	size_t server_count;
	const char *instance;
	struct crmg_kern **kern;
	pthread_mutex_t lock;		/* around kern: one scrape at a time */
};

static void address_of(struct MHD_Connection *connection, struct in6_addr *ret)
{
	const struct sockaddr *from = MHD_get_connection_info(connection,
		MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;

	memset(ret, 0, sizeof(*ret));
	if (from && from->sa_family == AF_INET6)
		*ret = ((const struct sockaddr_in6 *)from)->sin6_addr;
	else if (from && from->sa_family == AF_INET)
		memcpy(&ret->s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
}

/* The server sees the end of the connection and closes it. */
static void dismiss(struct server *server, struct peer *peer)
{
	shutdown(peer->fd, SHUT_RDWR);
	peer->fd = -1;
	server->peer_count--;
}

/*
 * Keeps one place free, so that the next client is always accepted: answers take
 * milliseconds, and who is old is slow.
 */
static void make_room(struct server *server, const struct in6_addr *address)
{
	struct peer *peer, *oldest = NULL, *of_address = NULL;
	unsigned int count = 0;

	TAILQ_FOREACH(peer, &server->peers, entry) {
		if (peer->fd < 0)
			continue;
		if (!oldest)
			oldest = peer;
		if (memcmp(&peer->address, address, sizeof(*address)))
			continue;
		count++;
		if (!of_address)
			of_address = peer;
	}
	if (of_address && count > server->address_max)
		dismiss(server, of_address);
	else if (oldest && server->peer_count >= server->peers_max)
		dismiss(server, oldest);
}

static void connection_changed(void *cls, struct MHD_Connection *connection, void **context,
			       enum MHD_ConnectionNotificationCode code)
{
	struct server *server = cls;
	struct peer *peer = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (!peer)
			return;
		TAILQ_REMOVE(&server->peers, peer, entry);
		server->peer_count -= peer->fd >= 0;
		free(peer);
		return;
	}
	peer = malloc(sizeof(*peer));
	*context = peer;
	if (!peer)
		return;
	peer->fd = MHD_get_connection_info(connection,
					   MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	address_of(connection, &peer->address);
	TAILQ_INSERT_TAIL(&server->peers, peer, entry);
	server->peer_count++;
	make_room(server, &peer->address);
}

/* An answer with a body that is freed with it. */
static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status,
			     const char *type, char *body, size_t size)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(size, body,
									MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		free(body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned int status,
				  const char *text)
{
	char *body = strdup(text);

	return body ? reply(connection, status, "text/plain; charset=utf-8", body, strlen(body))
		    : MHD_NO;
}

static int snapshot(struct crmg_http *http, unsigned int flags, struct crmg_snapshot *ret)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_kern *fresh = NULL;
	int code = crmg_kern_snapshot(*http->kern, flags, ret, &err);

	/* Pins that were removed have a folder of another number, and a purged state another map. */
	if ((code || ret->control.gone) &&
	    !crmg_kern_open(http->instance, CRMG_KERN_READ, &fresh, &err)) {
		crmg_kern_close(http->kern);
		*http->kern = fresh;
		code = crmg_kern_snapshot(fresh, flags, ret, &err);
	}
	crmg_err_clear(&err);
	return code;
}

static enum MHD_Result serve_metrics(struct crmg_http *http, struct MHD_Connection *connection)
{
	struct crmg_snapshot snap;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int code;

	if (!out)
		return reply_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	pthread_mutex_lock(&http->lock);
	code = snapshot(http, CRMG_SNAP_BANS, &snap);
	if (!code)
		code = crmg_metrics_write(&snap, out);
	pthread_mutex_unlock(&http->lock);
	if (fclose(out) != 0 && !code)
		code = -ENOMEM;
	if (!code)
		return reply(connection, MHD_HTTP_OK, CRMG_METRICS_TYPE, text, size);
	free(text);
	return reply_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			  "the state in the kernel cannot be read\n");
}

static enum MHD_Result serve_health(struct crmg_http *http, struct MHD_Connection *connection)
{
	struct crmg_snapshot snap;
	int code;

	pthread_mutex_lock(&http->lock);
	code = snapshot(http, 0, &snap);
	pthread_mutex_unlock(&http->lock);
	return code ? reply_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
				 "the state in the kernel cannot be read\n")
		    : reply_text(connection, MHD_HTTP_OK, "ok\n");
}

static const struct {
	const char *path;
	enum MHD_Result (*serve)(struct crmg_http *http, struct MHD_Connection *connection);
} pages[] = {
	{ "/metrics", serve_metrics },
	{ "/healthz", serve_health },
};

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	static char begun;

	(void)version;
	(void)upload;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD only\n");
	/* The first call is for the headers; who sends a body with GET is cut off. */
	if (!*state) {
		*state = &begun;
		return MHD_YES;
	}
	if (*upload_size)
		return MHD_NO;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(pages); i++)
		if (strcmp(pages[i].path, url) == 0)
			return pages[i].serve(cls, connection);
	return reply_text(connection, MHD_HTTP_NOT_FOUND, "/metrics and /healthz are here\n");
}

static int serve_on(int fd, unsigned int connections, struct server *server)
{
	TAILQ_INIT(&server->peers);
	server->peers_max = connections;
	server->address_max = connections / ADDRESS_SHARE < 2 ? 2 : connections / ADDRESS_SHARE;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, server->http,
		MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)TIMEOUT_S,
		MHD_OPTION_CONNECTION_LIMIT, connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server,
		MHD_OPTION_END);
	return server->daemon ? 0 : -ENOMEM;
}

int crmg_http_start(const int *sockets, size_t count, unsigned int connections,
		    const char *instance, struct crmg_kern **kern, struct crmg_http **ret)
{
	struct crmg_http *http = calloc(1, sizeof(*http));
	int code = http ? 0 : -ENOMEM;

	if (http) {
		http->instance = instance;
		http->kern = kern;
		pthread_mutex_init(&http->lock, NULL);
	}
	for (size_t i = 0; i < count; i++) {
		if (!code) {
			http->servers[i].http = http;
			code = serve_on(sockets[i], connections, &http->servers[i]);
		}
		if (!code)
			http->server_count++;
		else
			close(sockets[i]);
	}
	if (code < 0) {
		crmg_http_stop(&http);
		return code;
	}
	*ret = http;
	return 0;
}

void crmg_http_stop(struct crmg_http **http)
{
	if (!*http)
		return;
	for (size_t i = 0; i < (*http)->server_count; i++)
		MHD_stop_daemon((*http)->servers[i].daemon);
	pthread_mutex_destroy(&(*http)->lock);
	free(*http);
	*http = NULL;
}
