// SPDX-License-Identifier: GPL-2.0
/* servernames.c - server names: as the packet path finds them, and of which service each is. */
#include "build.h"

#include <stdlib.h>
#include <string.h>

#include <crmgate/servername.h>

#include "../base/util.h"

_Static_assert(CRMG_SERVICES_MAX * 64 <= 1 << 16, "a key has no room for the index of a name");

static int by_key(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static uint64_t hash_of(const struct crmg_server_name *name)
{
	uint64_t hash = crmg_name_begin(name->base);

	for (const char *c = name->text; *c; c++)
		hash = crmg_name_hash(hash, (uint8_t)*c);
	return hash;
}

/* What is found is compared with one name only. */
static int check_keys(const struct crmg_build *b)
{
	for (size_t i = 1; i < b->name_count; i++)
		if (CRMG_NAME_KEY(b->name_keys[i - 1], 0) == CRMG_NAME_KEY(b->name_keys[i], 0))
			return crmg_err_set(b->err, -E2BIG, "the server names '%s' and '%s' have the "
					    "same hash; leave one of them out",
					    b->names[CRMG_NAME_INDEX(b->name_keys[i - 1])].text,
					    b->names[CRMG_NAME_INDEX(b->name_keys[i])].text);
	return 0;
}

int crmg_build_names(struct crmg_build *b)
{
	const struct crmg_model *model = b->model;
	size_t at = 0;

	for (size_t i = 0; i < model->service_count; i++) {
		const struct crmg_model_service *base = crmg_model_base(model, &model->services[i]);

		if (base)
			b->base_of[i] = b->index_of[base - model->services];
		b->name_count += model->services[i].name_count;
	}
	b->names = calloc(b->name_count + 1, sizeof(*b->names));
	b->name_keys = calloc(b->name_count + 1, sizeof(*b->name_keys));
	if (!b->names || !b->name_keys)
		return -ENOMEM;
	for (size_t i = 0; i < model->service_count; i++)
		for (size_t n = 0; n < model->services[i].name_count; n++, at++) {
			struct crmg_server_name *name = &b->names[at];

			crmg_copy(name->text, sizeof(name->text), model->services[i].names[n].text);
			name->base = b->base_of[i];
			name->service = b->index_of[i];
			b->name_keys[at] = CRMG_NAME_KEY(hash_of(name), at);
		}
	qsort(b->name_keys, b->name_count, sizeof(*b->name_keys), by_key);
	return check_keys(b);
}

bool crmg_names_are_valid(const struct crmg_image *image)
{
	const struct crmg_server_name *names;
	const struct crmg_service *service;
	const uint64_t *keys;
	size_t count;

	names = crmg_image_section(image, CRMG_SECTION_NAMES, &count);
	keys = crmg_image_section(image, CRMG_SECTION_NAMEKEYS, NULL);
	for (size_t i = 0; i < count; i++) {
		service = crmg_image_service(image, names[i].service);
		if (!service || !names[i].base || service->base != names[i].base ||
		    names[i].text[CRMG_SERVER_NAME_MAX] || CRMG_NAME_INDEX(keys[i]) >= count ||
		    (i && keys[i - 1] >= keys[i]))
			return false;
	}
	return true;
}
