// SPDX-License-Identifier: GPL-2.0
/*
 * doctor.c - runs the checks, and adds what the state that is attached shows by itself
 * (the problems of `status`).
 */
#include "checks.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "../base/util.h"
#include "problems.h"
#include "text.h"

const char *crmg_grade_name(enum crmg_grade grade)
{
#define NAME(ID, name) name,
	static const char *const names[] = { CRMG_GRADES(NAME) };

	return names[grade];
}

void crmg_advise(struct crmg_checking *c, enum crmg_grade grade, const char *format, ...)
{
	struct crmg_advice *advice = crmg_grow(&c->ret->items, &c->ret->count, sizeof(*advice));
	va_list args;

	if (!advice) {
		c->failed = true;
		return;
	}
	advice->grade = grade;
	advice->check = c->id;
	if (c->iface)
		crmg_copy(advice->iface, sizeof(advice->iface), c->iface->name);
	va_start(args, format);
	vsnprintf(advice->text, sizeof(advice->text), format, args);
	va_end(args);
}

/* Has each "crmgate COMMAND" name the instance, unless it is that which needs no name. */
static void for_instance(const char *text, const char *instance, char *ret, size_t size)
{
	static const char program[] = "crmgate ";
	bool named = strcmp(instance, "default") == 0 || strstr(text, "--instance");
	size_t at = 0;

	while (*text && at + 1 < size) {
		size_t word = strncmp(text, program, sizeof(program) - 1) ? 1 :
			      sizeof(program) - 1 + strcspn(text + sizeof(program) - 1, " ;");

		at += snprintf(ret + at, size - at, "%.*s", (int)word, text);
		if (word > 1 && !named && at < size)
			at += snprintf(ret + at, size - at, " --instance %s", instance);
		text += word;
	}
}

void crmg_mend(struct crmg_checking *c, const char *format, ...)
{
	char text[sizeof(c->ret->items->mend)];
	struct crmg_advice *last;
	va_list args;

	if (c->failed)
		return;
	last = &c->ret->items[c->ret->count - 1];
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for_instance(text, c->patient->instance, last->mend, sizeof(last->mend));
}

static void run(struct crmg_checking *c, const struct crmg_check *checks)
{
	for (; checks->id; checks++) {
		c->id = checks->id;
		checks->judge(c);
	}
}

/* What mends a problem; an interface has its name before it. NULL: a check says it better. */
static const char *mend_of(enum crmg_problem_id id)
{
	switch (id) {
	case CRMG_PROBLEM_GENERIC_MODE:
	case CRMG_PROBLEM_FOREIGN_PROGRAM:
	case CRMG_PROBLEM_TC_MODE:
		return NULL;
	case CRMG_PROBLEM_INTERFACE_GONE:
	case CRMG_PROBLEM_TC_MISSING:
		return "crmgate attach";
	case CRMG_PROBLEM_ONE_WAY_TRAFFIC:
		return "ip -s route; crmgate attach IFACE  # the one that requests arrive by";
	case CRMG_PROBLEM_TABLE_PRESSURE:
		return "crmgate detach --all --purge; crmgate attach IFACE --policy FILE  # with a "
		       "larger capacity.sources";
	case CRMG_PROBLEM_PANIC:
		return "crmgate resume";
	case CRMG_PROBLEM_PROOF_FAILED:
	case CRMG_PROBLEM_PROOF_STALE:
		return "crmgate prove";
	default:
		return "crmgate status";
	}
}

static void judge_problems(struct crmg_checking *c)
{
	struct crmg_iface_facts iface = { 0 };
	struct crmg_problems problems;

	crmg_problems_find(c->patient->snap, &problems);
	for (size_t i = 0; i < problems.count; i++) {
		const struct crmg_problem *problem = &problems.item[i];
		const char *mend = mend_of(problem->id);

		if (!mend)
			continue;
		c->id = crmg_problem_name(problem->id);
		crmg_copy(iface.name, sizeof(iface.name), problem->iface);
		c->iface = problem->iface[0] ? &iface : NULL;
		crmg_advise(c, crmg_problem_is_unenforced(problem->id) ? CRMG_GRADE_FAIL :
			    CRMG_GRADE_WARNING, "%s", problem->text);
		crmg_mend(c, "%s%s%s", mend, c->iface ? " " : "", problem->iface);
	}
}

/* The state of an interface that is attached in this network namespace. */
static const struct crmg_iface_state *state_of(const struct crmg_patient *patient,
					       const struct crmg_iface_facts *iface)
{
	const struct crmg_snapshot *snap = patient->snap;

	for (size_t i = 0; snap && i < snap->iface_count; i++)
		if (snap->ifaces[i].wanted.ifindex == iface->index &&
		    strcmp(snap->ifaces[i].wanted.name, iface->name) == 0)
			return &snap->ifaces[i];
	return NULL;
}

int crmg_diagnose(const struct crmg_patient *patient, struct crmg_diagnosis *ret)
{
	const struct crmg_doctor_facts *facts = patient->facts;
	struct crmg_checking c = { .patient = patient, .host = &facts->host, .ret = ret };

	*ret = (struct crmg_diagnosis){ 0 };
	run(&c, crmg_host_checks);
	run(&c, crmg_policy_checks);
	for (size_t i = 0; i < facts->iface_count; i++) {
		c.iface = &facts->ifaces[i];
		c.state = state_of(patient, c.iface);
		run(&c, crmg_iface_checks);
	}
	if (patient->snap)
		judge_problems(&c);
	return c.failed ? -ENOMEM : 0;
}

void crmg_diagnosis_free(struct crmg_diagnosis *diagnosis)
{
	free(diagnosis->items);
	*diagnosis = (struct crmg_diagnosis){ 0 };
}

enum crmg_grade crmg_diagnosis_grade(const struct crmg_diagnosis *diagnosis)
{
	enum crmg_grade worst = CRMG_GRADE_OK;

	for (size_t i = 0; i < diagnosis->count; i++)
		if (diagnosis->items[i].grade > worst)
			worst = diagnosis->items[i].grade;
	return worst;
}

json_t *crmg_diagnosis_json(const struct crmg_diagnosis *diagnosis)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct crmg_advice *a = &diagnosis->items[i];
		json_t *item = json_pack("{s:s, s:s, s:o, s:o, s:o}",
			"severity", crmg_grade_name(a->grade), "check", a->check,
			"interface", a->iface[0] ? crmg_json_text(a->iface, sizeof(a->iface))
						 : json_null(),
			"text", crmg_json_text(a->text, sizeof(a->text)),
			"mend", a->mend[0] ? crmg_json_text(a->mend, sizeof(a->mend))
					   : json_null());

		json_array_append_new(list, item);
	}
	return json_pack("{s:i, s:s, s:o}", "schema", 1,
			 "verdict", crmg_grade_name(crmg_diagnosis_grade(diagnosis)),
			 "findings", list);
}

int crmg_diagnosis_text(const struct crmg_diagnosis *diagnosis, bool all, FILE *out)
{
	char text[CRMG_ESCAPED(sizeof(diagnosis->items->mend))], iface[CRMG_ESCAPED(IFNAMSIZ)];
	size_t counts[CRMG_GRADE_COUNT] = { 0 };

	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct crmg_advice *a = &diagnosis->items[i];

		counts[a->grade]++;
		if (a->grade == CRMG_GRADE_OK && !all)
			continue;
		/* The texts of problems begin with the interface already. */
		crmg_escape(a->iface, sizeof(a->iface), iface, sizeof(iface));
		crmg_escape(a->text, sizeof(a->text), text, sizeof(text));
		fprintf(out, "%-8s %s: %s%s%s\n", crmg_grade_name(a->grade), a->check,
			strncmp(text, iface, strlen(iface)) ? iface : "",
			strncmp(text, iface, strlen(iface)) ? ": " : "", text);
		if (a->mend[0])
			fprintf(out, "         # %s\n",
				crmg_escape(a->mend, sizeof(a->mend), text, sizeof(text)));
	}
	fprintf(out, "ok %zu, note %zu, warning %zu, fail %zu\n", counts[CRMG_GRADE_OK],
		counts[CRMG_GRADE_NOTE], counts[CRMG_GRADE_WARNING], counts[CRMG_GRADE_FAIL]);
	return ferror(out) ? -EIO : 0;
}
