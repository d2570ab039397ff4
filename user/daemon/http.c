// SPDX-License-Identifier: GPL-2.0
/*
 * http.c - the endpoint. Clients are not trusted: few connections, each with
 * little memory and little time; no request body is ever read.
 */
#include <microhttpd.h>
#include <pthread.h>
#include <string.h>

#include "../base/util.h"
#include "../report/metrics.h"
#include "daemon.h"
#include "parts.h"

#define TIMEOUT_S      10
#define MEMORY_BYTES   (16 * 1024)	/* headers of one request, and the answer's */
#define PER_ADDRESS    128

struct crmg_http {
	struct MHD_Daemon *servers[CRMG_LISTEN_MAX];
	size_t server_count;
	struct crmg_kern *kern;
	pthread_mutex_t lock;		/* around kern: one scrape at a time */
};

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
	int code = crmg_kern_snapshot(http->kern, flags, ret, &err);

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

static struct MHD_Daemon *serve_on(int fd, unsigned int connections, struct crmg_http *http)
{
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, http,
				MHD_OPTION_LISTEN_SOCKET, fd,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)TIMEOUT_S,
				MHD_OPTION_CONNECTION_LIMIT, connections,
				MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned int)PER_ADDRESS,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_BYTES,
				MHD_OPTION_END);
}

int crmg_http_start(const int *sockets, size_t count, unsigned int connections,
		    struct crmg_kern *kern, struct crmg_http **ret)
{
	struct crmg_http *http = calloc(1, sizeof(*http));

	if (http) {
		http->kern = kern;
		pthread_mutex_init(&http->lock, NULL);
	}
	for (size_t i = 0; i < count; i++) {
		struct MHD_Daemon *server = http ? serve_on(sockets[i], connections, http) : NULL;

		if (server) {
			http->servers[http->server_count++] = server;
			continue;
		}
		for (; i < count; i++)
			close(sockets[i]);
		crmg_http_stop(&http);
		return -ENOMEM;
	}
	*ret = http;
	return 0;
}

void crmg_http_stop(struct crmg_http **http)
{
	if (!*http)
		return;
	for (size_t i = 0; i < (*http)->server_count; i++)
		MHD_stop_daemon((*http)->servers[i]);
	pthread_mutex_destroy(&(*http)->lock);
	free(*http);
	*http = NULL;
}
