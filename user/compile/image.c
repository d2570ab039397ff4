// SPDX-License-Identifier: GPL-2.0
/*
 * image.c - reads an image that crmg_image_validate() accepted: parts by index
 * and by name. Nothing here changes it; it may be memory of the kernel.
 */
#include "build.h"

#include <string.h>

#define SIZE_OF(ID, name, type) [CRMG_SECTION_##ID] = sizeof(type),

size_t crmg_entry_size(enum crmg_section_id id)
{
	static const uint16_t sizes[CRMG_SECTION_COUNT] = { CRMG_SECTIONS(SIZE_OF) };

	return sizes[id];
}

const void *crmg_image_section(const struct crmg_image *image, enum crmg_section_id id,
			       size_t *ret_count)
{
	const struct crmg_section *section = &crmg_image_head(image)->section[id];

	if (ret_count)
		*ret_count = section->count;
	return &image->cells[section->cell];
}

const struct crmg_binding *crmg_image_binding(const struct crmg_image *image, uint32_t index)
{
	if (index == 0 || index > crmg_image_head(image)->bindings)
		return NULL;
	return &crmg_image_front(image)->bindings[index];
}

const struct crmg_label *crmg_image_label(const struct crmg_image *image, uint32_t index)
{
	const struct crmg_label *labels = crmg_image_section(image, CRMG_SECTION_LABELS, NULL);

	return index == 0 || index > crmg_image_head(image)->bindings ? NULL : &labels[index];
}

const struct crmg_quotas *crmg_image_quotas(const struct crmg_image *image, uint16_t index)
{
	const struct crmg_quotas *quotas = crmg_image_section(image, CRMG_SECTION_QUOTAS, NULL);

	return index ? &quotas[index] : NULL;
}

const struct crmg_http_terms *crmg_image_http(const struct crmg_image *image, uint16_t index)
{
	const struct crmg_http_terms *http = crmg_image_section(image, CRMG_SECTION_HTTP, NULL);

	return index ? &http[index] : NULL;
}

const struct crmg_service *crmg_image_service(const struct crmg_image *image, uint32_t index)
{
	const struct crmg_service *services;
	size_t count;

	services = crmg_image_section(image, CRMG_SECTION_SERVICES, &count);
	if (index == 0 || index >= count || !services[index].name[0])
		return NULL;
	return &services[index];
}

uint32_t crmg_image_service_find(const struct crmg_image *image, const char *name)
{
	const struct crmg_service *service;

	for (uint32_t index = 1; index <= CRMG_SERVICES_MAX; index++) {
		service = crmg_image_service(image, index);
		if (service && strcmp(service->name, name) == 0)
			return index;
	}
	return 0;
}

void crmg_image_new_client_rows(const struct crmg_image *image, const struct crmg_image *old,
				uint64_t *bits)
{
	const struct crmg_client *clients;
	size_t count;

	memset(bits, 0, (CRMG_CLIENT_ROWS / 64 + 1) * sizeof(*bits));
	clients = crmg_image_section(image, CRMG_SECTION_CLIENTS, &count);
	for (size_t i = 0; i < count; i++)
		bits[clients[i].row / 64] |= 1ULL << clients[i].row % 64;
	count = 0;
	if (old)
		clients = crmg_image_section(old, CRMG_SECTION_CLIENTS, &count);
	for (size_t i = 0; i < count; i++)
		bits[clients[i].row / 64] &= ~(1ULL << clients[i].row % 64);
	bits[0] &= ~1ULL;
}

uint32_t crmg_image_last_client_row(const struct crmg_image *image)
{
	const struct crmg_client *clients;
	uint32_t last = 0;
	size_t count;

	clients = crmg_image_section(image, CRMG_SECTION_CLIENTS, &count);
	for (size_t i = 0; i < count; i++)
		last = clients[i].row > last ? clients[i].row : last;
	return last;
}

uint32_t crmg_image_new_rows(const struct crmg_image *image, const struct crmg_image *old,
			     uint64_t *bits)
{
	uint32_t highest = 0;
	uint16_t row;

	memset(bits, 0, CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX / 8);
	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++) {
		row = crmg_image_binding(image, i)->row;
		bits[row / 64] |= 1ULL << row % 64;
		if (row > highest)
			highest = row;
	}
	for (uint32_t i = 1; old && i <= crmg_image_head(old)->bindings; i++) {
		row = crmg_image_binding(old, i)->row;
		bits[row / 64] &= ~(1ULL << row % 64);
	}
	return highest;
}
