// SPDX-License-Identifier: GPL-2.0
/* journal.c - a bounded number of lines a second, and how many more there were. */
#include "journal.h"

#define LINES_PER_SECOND 20
#define SECOND_NS        1000000000ULL

void crmg_journal_write(struct crmg_journal *journal, struct crmg_err *err, uint64_t now_ns,
			FILE *out)
{
	if (now_ns / SECOND_NS != journal->second) {
		if (journal->left_out && !journal->quiet)
			fprintf(out, "crmgate: warning: %u more lines were left out; "
				"'crmgate events' has them\n", journal->left_out);
		journal->second = now_ns / SECOND_NS;
		journal->lines = journal->left_out = 0;
	}
	for (size_t i = 0; i < err->count; i++) {
		const struct crmg_message *message = &err->messages[i];
		const struct crmg_err one = {
			.messages = &err->messages[i], .count = 1,
			.errors = message->severity == CRMG_ERROR,
		};

		if (message->severity == CRMG_WARNING && journal->quiet)
			continue;
		if (journal->lines < LINES_PER_SECOND)
			crmg_err_print(&one, out, true);
		else
			journal->left_out++;
		journal->lines += journal->lines < LINES_PER_SECOND;
	}
	fflush(out);
	crmg_err_clear(err);
}
