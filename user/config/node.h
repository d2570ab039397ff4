/* SPDX-License-Identifier: GPL-2.0 */
/*
 * node.h - a YAML text as a tree of places. Only what a policy needs of YAML:
 * words, lists, mappings; no anchors, aliases, tags or second documents.
 */
#ifndef CRMGATE_NODE_H
#define CRMGATE_NODE_H

#include <stddef.h>

#include "../base/err.h"
#include "../model/model.h"

enum crmg_node_kind {
	CRMG_NODE_WORD,
	CRMG_NODE_LIST,
	CRMG_NODE_MAP,
	CRMG_NODE_REFUSED,	/* an error was said about it already: to be passed over */
};

struct crmg_node {
	enum crmg_node_kind kind;
	struct crmg_place place;
	const char *text;		/* of a word; "" if nothing stands there */
	const struct crmg_node *key;	/* of an entry of a mapping: a word; else NULL */
	struct crmg_node *child;	/* first entry of a list or a mapping */
	struct crmg_node *next;		/* next entry of the same */
	size_t count;			/* entries */
};

/* All nodes and words of one text. */
struct crmg_tree;

/*
 * Every duplicate key and refused construct is an error in err, and left out of
 * the tree. Returns 0, -ENOMEM, or -EINVAL if it is not such a text at all (said
 * in err; the tree would be incomplete). *ret_root belongs to the tree.
 */
int crmg_tree_parse(const char *text, size_t size, const char *file, struct crmg_tree **ret,
		    const struct crmg_node **ret_root, struct crmg_err *err);
/* What follows the last message when there are more than CRMG_CONFIG_MAX_ERRORS. */
void crmg_tell_more_errors(struct crmg_err *err, const char *file);

void crmg_tree_free(struct crmg_tree **tree);

/* Entry of a mapping by its key; NULL if there is none. */
const struct crmg_node *crmg_node_get(const struct crmg_node *map, const char *key);

#endif
