// SPDX-License-Identifier: GPL-2.0
/* clients.c - joins the clients of the image with their counters. Prints nothing. */
#include "clients.h"

#include <errno.h>
#include <stdlib.h>

#include "../base/util.h"
#include "rows.h"

static const struct crmg_client_row no_counts;

/* Whether their requests are counted, by row. */
#define ASKS      1
#define ESTIMATED 2

static void find_asks(const struct crmg_image *image, uint8_t asks[CRMG_CLIENT_ROWS])
{
	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);

		if (crmg_counts_requests(binding))
			asks[binding->client_row] |= binding->protocol == CRMG_PROTOCOL_TLS ?
						     ASKS | ESTIMATED : ASKS;
	}
}

int crmg_counted_clients(const struct crmg_snapshot *snap, struct crmg_counted_clients *ret)
{
	crmg_autofree uint8_t *asks = calloc(CRMG_CLIENT_ROWS, 1);
	struct crmg_counted_clients found = { 0 };
	const struct crmg_client *clients;
	size_t count;

	clients = crmg_image_section(snap->image, CRMG_SECTION_CLIENTS, &count);
	found.items = calloc(count + 1, sizeof(*found.items));
	if (!asks || !found.items) {
		free(found.items);
		return -ENOMEM;
	}
	find_asks(snap->image, asks);
	for (size_t i = 0; i < count; i++)
		if (clients[i].row)
			found.items[found.count++] = (struct crmg_counted_client){
				.client = &clients[i],
				.row = clients[i].row < snap->client_row_count ?
				       &snap->client_rows[clients[i].row] : &no_counts,
				.asks = asks[clients[i].row] & ASKS,
				.estimated = asks[clients[i].row] & ESTIMATED,
			};
	*ret = found;
	return 0;
}

void crmg_counted_clients_free(struct crmg_counted_clients *clients)
{
	free(clients->items);
	*clients = (struct crmg_counted_clients){ 0 };
}

uint64_t crmg_client_dropped(const struct crmg_client_row *row)
{
	return crmg_row_sum(row->packets) - row->packets[CRMG_VERDICT_PASS];
}
