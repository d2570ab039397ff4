/* SPDX-License-Identifier: GPL-2.0 */
/* util.c - growing arrays, the group of readers, bounded copies, clocks, small files, UTF-8. */
#include "util.h"

#include <grp.h>
#include <stdint.h>
#include <string.h>

#include "num.h"

void *crmg_grow(void *array, size_t *count, size_t size)
{
	size_t n = *count;
	char *elements;

	memcpy(&elements, array, sizeof(elements));
	if ((n & (n - 1)) == 0) {	/* full: 0, or a power of two */
		size_t room = n ? 2 * n : 1;

		elements = reallocarray(elements, room, size);
		if (!elements)
			return NULL;
		memcpy(array, &elements, sizeof(elements));
	}
	*count = n + 1;
	return memset(elements + n * size, 0, size);
}

gid_t crmg_group(void)
{
	const struct group *group = getgrnam("crmgate");

	return group ? group->gr_gid : 0;
}

void crmg_copy(char *dst, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	memcpy(dst, text, length);
	dst[length] = 0;
}

void crmg_list_add(char *list, size_t size, const char *word)
{
	size_t used = strnlen(list, size - 1);

	snprintf(list + used, size - used, "%s%s", used ? ", " : "", word);
}

uint64_t crmg_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * CRMG_NS_PER_SEC + (uint64_t)now.tv_nsec;
}

char *crmg_line_read(const char *path, char *buf, size_t size)
{
	crmg_autofclose FILE *file = fopen(path, "re");

	if (!file || !fgets(buf, (int)size, file))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

long long crmg_number_read(const char *path, long long otherwise)
{
	char line[64];
	long long value;

	return sscanf(crmg_line_read(path, line, sizeof(line)), "%lld", &value) == 1 ?
	       value : otherwise;
}

char *crmg_boot_id(char buf[CRMG_BOOT_ID_LEN])
{
	return crmg_line_read("/proc/sys/kernel/random/boot_id", buf, CRMG_BOOT_ID_LEN);
}

size_t crmg_utf8(const char *text, size_t size, uint32_t *ret)
{
	static const struct {
		unsigned char mask, mark;	/* of the first byte */
		uint32_t least;			/* less would be an overlong form */
	} forms[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};
	const unsigned char *byte = (const unsigned char *)text;

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(forms) && i < size; i++) {
		uint32_t value;

		if ((byte[0] & forms[i].mask) != forms[i].mark)
			continue;
		value = byte[0] & (unsigned char)~forms[i].mask;
		for (size_t k = 1; k <= i; k++) {
			if ((byte[k] & 0xc0) != 0x80)
				return 0;
			value = value << 6 | (byte[k] & 0x3f);
		}
		if (value < forms[i].least || value > 0x10ffff || (value >> 11) == 0x1b)
			return 0;
		*ret = value;
		return i + 1;
	}
	return 0;
}

size_t crmg_plain_length(const char *text, size_t left)
{
	uint32_t code;
	size_t length = crmg_utf8(text, left, &code);

	if (length && (code < 0x20 || (code >= 0x7f && code < 0xa0) ||
		       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)))
		return 0;
	return length;
}

bool crmg_is_plain(const char *text)
{
	size_t left = strlen(text);

	while (left) {
		size_t length = crmg_plain_length(text, left);

		if (!length)
			return false;
		text += length;
		left -= length;
	}
	return true;
}
