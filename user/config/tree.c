/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tree.c - libyaml's events to a tree. Depth is bounded while events come, and
 * the size of the text before, so time and memory are.
 */
#include "node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "../base/util.h"
#include "arena.h"
#include "config.h"

struct crmg_tree {
	struct crmg_arena arena;
};

/* A list or mapping that is open. */
struct level {
	struct crmg_node *node;
	struct crmg_node **tail;	/* where the next entry goes */
	struct crmg_node *key;		/* read, its value is still to come */
};

struct builder {
	struct crmg_tree *tree;
	const char *file;
	struct crmg_err *err;
	size_t errors_before;
	struct crmg_node *root;
	struct level levels[CRMG_CONFIG_MAX_DEPTH];
	unsigned int depth;
};

static struct crmg_place place_of(yaml_mark_t mark)
{
	return (struct crmg_place){ mark.line + 1, mark.column + 1 };
}

static bool is_full(const struct builder *b)
{
	return b->err->errors - b->errors_before >= CRMG_CONFIG_MAX_ERRORS;
}

#define complain(b, place, ...) do { \
	if (!is_full(b)) \
		crmg_err_at((b)->err, CRMG_ERROR, (b)->file, (place).line, (place).column, \
			    __VA_ARGS__); \
} while (0)

/* Puts a finished word, or a list or mapping that begins, where it belongs. */
static void place_node(struct builder *b, struct crmg_node *node)
{
	struct level *level = b->depth ? &b->levels[b->depth - 1] : NULL;

	if (!level) {
		b->root = node;
		return;
	}
	if (level->node->kind == CRMG_NODE_MAP) {
		if (!level->key) {
			level->key = node;
			if (node->kind == CRMG_NODE_LIST || node->kind == CRMG_NODE_MAP)
				complain(b, node->place, "a key must be a word");
			return;
		}
		node->key = level->key;
		level->key = NULL;
		if (node->key->kind != CRMG_NODE_WORD)
			return;		/* complained about; the entry is left out */
	}
	*level->tail = node;
	level->tail = &node->next;
	level->node->count++;
}

static struct crmg_node *new_node(struct builder *b, enum crmg_node_kind kind, yaml_mark_t mark)
{
	struct crmg_node *node = crmg_arena_alloc(&b->tree->arena, sizeof(*node));

	if (node) {
		node->kind = kind;
		node->place = place_of(mark);
		node->text = "";
	}
	return node;
}

static void refuse_extras(struct builder *b, const yaml_event_t *event, const unsigned char *anchor,
			  const unsigned char *tag)
{
	if (anchor)
		complain(b, place_of(event->start_mark),
			 "anchors (&%.64s) are not accepted; write the value out", anchor);
	if (tag)
		complain(b, place_of(event->start_mark),
			 "tags (!) are not accepted; the keys say what a value is");
}

static int add_word(struct builder *b, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;
	struct crmg_node *node = new_node(b, CRMG_NODE_WORD, event->start_mark);
	char *text = crmg_arena_alloc(&b->tree->arena, length + 1);

	if (!node || !text)
		return -ENOMEM;
	memcpy(text, value, length);
	node->text = text;
	if (strlen(text) != length) {
		complain(b, node->place, "a NUL character is not accepted");
		node->kind = CRMG_NODE_REFUSED;
	}
	refuse_extras(b, event, event->data.scalar.anchor, event->data.scalar.tag);
	place_node(b, node);
	return 0;
}

static int add_alias(struct builder *b, const yaml_event_t *event)
{
	struct crmg_node *node = new_node(b, CRMG_NODE_REFUSED, event->start_mark);

	if (!node)
		return -ENOMEM;
	complain(b, node->place, "aliases (*%.64s) are not accepted; write the value out",
		 event->data.alias.anchor);
	place_node(b, node);
	return 0;
}

static int open_level(struct builder *b, const yaml_event_t *event, enum crmg_node_kind kind)
{
	struct crmg_node *node = new_node(b, kind, event->start_mark);

	if (!node)
		return -ENOMEM;
	if (b->depth == CRMG_CONFIG_MAX_DEPTH) {
		complain(b, node->place, "lists and mappings are nested more than %d deep",
			 CRMG_CONFIG_MAX_DEPTH);
		return -EINVAL;
	}
	if (kind == CRMG_NODE_LIST)
		refuse_extras(b, event, event->data.sequence_start.anchor,
			      event->data.sequence_start.tag);
	else
		refuse_extras(b, event, event->data.mapping_start.anchor,
			      event->data.mapping_start.tag);
	place_node(b, node);
	b->levels[b->depth++] = (struct level){ .node = node, .tail = &node->child };
	return 0;
}

static int by_key(const void *left, const void *right)
{
	const struct crmg_node *a = *(struct crmg_node *const *)left;
	const struct crmg_node *b = *(struct crmg_node *const *)right;
	int order = strcmp(a->key->text, b->key->text);

	if (!order)
		order = (a->key->place.line > b->key->place.line) -
			(a->key->place.line < b->key->place.line);
	return order ? order : (a->key->place.column > b->key->place.column) -
			       (a->key->place.column < b->key->place.column);
}

/* libyaml lets a key come twice; which one was meant nobody can know. */
static int drop_duplicates(struct builder *b, struct crmg_node *map)
{
	crmg_autofree struct crmg_node **entries = calloc(map->count + 1, sizeof(*entries));
	size_t count = 0, first = 0;

	if (!entries)
		return -ENOMEM;
	for (struct crmg_node *entry = map->child; entry; entry = entry->next)
		entries[count++] = entry;
	qsort(entries, count, sizeof(*entries), by_key);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(entries[first]->key->text, entries[i]->key->text)) {
			first = i;
			continue;
		}
		complain(b, entries[i]->key->place, "key '%.64s' is there twice, first in line %u",
			 entries[i]->key->text, entries[first]->key->place.line);
		entries[i]->key = NULL;
	}
	for (struct crmg_node **link = &map->child; *link;) {
		if ((*link)->key) {
			link = &(*link)->next;
		} else {
			*link = (*link)->next;
			map->count--;
		}
	}
	return 0;
}

static int close_level(struct builder *b)
{
	struct crmg_node *node = b->levels[--b->depth].node;

	return node->kind == CRMG_NODE_MAP ? drop_duplicates(b, node) : 0;
}

static int open_document(struct builder *b, const yaml_event_t *event)
{
	struct crmg_place place = place_of(event->start_mark);

	if (b->root) {
		complain(b, place, "a second document ('---') is not accepted");
		return -EINVAL;
	}
	if (event->data.document_start.version_directive ||
	    event->data.document_start.tag_directives.start !=
	    event->data.document_start.tag_directives.end)
		complain(b, place, "directives (%%) are not accepted");
	return 0;
}

/* 1: the text has ended. */
static int take_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT: return open_document(b, event);
	case YAML_SCALAR_EVENT: return add_word(b, event);
	case YAML_ALIAS_EVENT: return add_alias(b, event);
	case YAML_SEQUENCE_START_EVENT: return open_level(b, event, CRMG_NODE_LIST);
	case YAML_MAPPING_START_EVENT: return open_level(b, event, CRMG_NODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: return close_level(b);
	case YAML_STREAM_END_EVENT: return 1;
	default: return 0;
	}
}

static void complain_syntax(struct builder *b, const yaml_parser_t *parser, const char *text,
			    size_t size)
{
	struct crmg_place at = place_of(parser->problem_mark);
	size_t index = parser->problem_mark.index;

	/* index counts characters, so it is a byte only as long as all are ASCII. */
	if (index < size && text[index] == '\t')
		complain(b, at, "not YAML: a tab cannot indent or begin a value; use blanks");
	else if (parser->context)
		complain(b, at, "not YAML: %s, %s from line %zu on", parser->problem,
			 parser->context, parser->context_mark.line + 1);
	else
		complain(b, at, "not YAML: %s", parser->problem);
}

static int build(struct builder *b, const char *text, size_t size)
{
	yaml_parser_t parser;
	int r;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	do {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			r = parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -EINVAL;
			if (r == -EINVAL)
				complain_syntax(b, &parser, text, size);
			break;
		}
		r = take_event(b, &event);
		yaml_event_delete(&event);
		if (is_full(b))
			r = -EINVAL;
	} while (r == 0);
	yaml_parser_delete(&parser);
	return r < 0 ? r : 0;
}

/*
 * What libyaml would stop at without a place, or take for a line break that no
 * editor shows: NUL, controls, U+0085, U+2028, U+2029, invalid UTF-8.
 */
static int check_characters(struct builder *b, const char *text, size_t size)
{
	struct crmg_place at = { 1, 1 };

	for (size_t i = 0; i < size;) {
		uint32_t c;
		size_t length = crmg_utf8(text + i, size - i, &c);

		if (!length) {
			complain(b, at, "byte 0x%02x is not valid UTF-8", (unsigned char)text[i]);
			return -EINVAL;
		}
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c < 0xa0) ||
		    c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff) {
			complain(b, at, "character U+%04X is not accepted", c);
			return -EINVAL;
		}
		if (c == '\n' || (c == '\r' && (i + 1 == size || text[i + 1] != '\n')))
			at = (struct crmg_place){ at.line + 1, 1 };
		else
			at.column++;
		i += length;
	}
	return 0;
}

int crmg_tree_parse(const char *text, size_t size, const char *file, struct crmg_tree **ret,
		    const struct crmg_node **ret_root, struct crmg_err *err)
{
	struct builder b = { .file = file, .err = err, .errors_before = err->errors };
	int r;

	/* A byte order mark is accepted; carriage returns are white space of YAML. */
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		size -= 3;
	}
	b.tree = calloc(1, sizeof(*b.tree));
	if (!b.tree)
		return -ENOMEM;
	r = check_characters(&b, text, size);
	if (!r)
		r = build(&b, text, size);
	if (!r && !b.root) {
		complain(&b, ((struct crmg_place){ 1, 1 }),
			 "the file is empty; a policy begins with 'version: 1'");
		r = -EINVAL;
	}
	if (is_full(&b)) {
		crmg_tell_more_errors(err, file);
		r = -EINVAL;
	}
	if (r < 0) {
		crmg_tree_free(&b.tree);
		return r;
	}
	*ret = b.tree;
	*ret_root = b.root;
	return 0;
}

void crmg_tell_more_errors(struct crmg_err *err, const char *file)
{
	crmg_err_at(err, CRMG_ERROR, file, 0, 0, "there are more errors; mend the first %d",
		    CRMG_CONFIG_MAX_ERRORS);
}

void crmg_tree_free(struct crmg_tree **tree)
{
	if (*tree)
		crmg_arena_free(&(*tree)->arena);
	free(*tree);
	*tree = NULL;
}

const struct crmg_node *crmg_node_get(const struct crmg_node *map, const char *key)
{
	for (const struct crmg_node *entry = map->child; entry; entry = entry->next)
		if (entry->key && !strcmp(entry->key->text, key))
			return entry;
	return NULL;
}
