// SPDX-License-Identifier: GPL-2.0
/* patient.c - how a source asks, and the score of one that asks patiently. */
#include "patient.h"

#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "names.h"
#include "show.h"
#include "text.h"

/* From `low` on something counts, at `high` it counts in full. */
struct ramp {
	double low;
	double high;
};

/*
 * Who takes one record at a time has answers within a factor of four, whatever boundaries of
 * buckets lie between them, and pauses likewise; a person has neither (test_patient.c).
 */
static const struct ramp equal_ramp = { 0.6, 0.85 };
static const struct ramp steady_ramp = { 0.6, 0.85 };

/* Answers that say something at all. */
static const struct ramp answers_ramp = { 100, 300 };

/* Parts of 18 minutes: a sync of an hour has 5 at most, an hour and a half is where it begins. */
static const struct ramp hours_ramp = { 5, 14 };

/*
 * Without a steady pace: who asks day and night, and mostly waits in between, is no person. 9 to
 * 15 hours of 19.5. A sync of an hour by somebody who looks for news all day hardly waits.
 */
static const struct ramp night_ramp = { 30, 50 };
static const struct ramp slow_ramp = { 0.6, 0.85 };

/*
 * Bytes out for one in. Acknowledgements alone make it 46 at most, pages of 100 kB have 40; but a
 * browser has 20, so it counts from a working day on, 8 to 11 hours of 19.5.
 */
static const struct ramp out_in_ramp = { 16, 30 };
static const struct ramp drain_ramp = { 27, 36 };
static const struct ramp out_ramp = { 50e6, 200e6 };

/* Gaps below this (bucket from 0.54 s on) are the pace of the server, not one that was chosen. */
#define GAP_CHOSEN 6

static double on_ramp(const struct ramp *ramp, double value)
{
	if (value <= ramp->low)
		return 0;
	return value >= ramp->high ? 1 : (value - ramp->low) / (ramp->high - ramp->low);
}

/* The share of two neighbouring buckets, from `first` on, that have most; *ret_at: the lower. */
static double most_of(const __u32 *buckets, unsigned int first, uint64_t all, unsigned int *ret_at)
{
	uint64_t most = 0;

	*ret_at = first;
	for (unsigned int i = first; i + 1 < CRMG_PATIENCE_BUCKETS; i++) {
		uint64_t both = (uint64_t)buckets[i] + buckets[i + 1];

		if (both > most) {
			most = both;
			*ret_at = i;
		}
	}
	return all ? (double)most / all : 0;
}

static unsigned int parts_of(const struct crmg_patience *patience, uint64_t mono_ns)
{
	uint32_t passed = (uint32_t)(mono_ns >> CRMG_PATIENCE_PART_SHIFT) - patience->part;

	return passed < CRMG_PATIENCE_PARTS ?
	       (unsigned int)__builtin_popcountll(patience->active << passed) : 0;
}

void crmg_patient_judge(const struct crmg_patience *patience, uint64_t bytes_in,
			uint64_t bytes_out, uint64_t mono_ns, struct crmg_patient *ret)
{
	struct crmg_patient p = { .parts = parts_of(patience, mono_ns) };
	double walks, drains, pace, night;
	uint64_t slow = 0;

	for (unsigned int i = 0; i < CRMG_PATIENCE_BUCKETS; i++) {
		p.answers += patience->gap[i];
		slow += i >= GAP_CHOSEN ? patience->gap[i] : 0;
	}
	/* Bucket 0 is of requests that were sent without waiting for an answer. */
	p.equal = most_of(patience->size, 1, p.answers, &p.size_at);
	p.steady = most_of(patience->gap, 0, p.answers, &p.gap_at);
	p.out_in = bytes_in ? (double)bytes_out / bytes_in : 0;
	pace = p.gap_at >= GAP_CHOSEN ? on_ramp(&steady_ramp, p.steady) : 0;
	night = on_ramp(&night_ramp, p.parts) *
		on_ramp(&slow_ramp, p.answers ? (double)slow / p.answers : 0);
	walks = on_ramp(&equal_ramp, p.equal) * (pace > night ? pace : night) *
		on_ramp(&answers_ramp, p.answers) * on_ramp(&hours_ramp, p.parts);
	drains = on_ramp(&out_in_ramp, p.out_in) * on_ramp(&drain_ramp, p.parts) *
		 on_ramp(&out_ramp, bytes_out);
	p.score = (unsigned int)(100 * (walks > drains ? walks : drains) + 0.5);
	*ret = p;
}

static const struct crmg_patience *patience_of(const struct crmg_snapshot *snap,
					       const struct crmg_slot *slot)
{
	const struct crmg_patience *patience =
		snap->patience ? &snap->patience[slot->check % CRMG_PATIENTS] : NULL;

	return patience && slot->check && patience->check == slot->check ? patience : NULL;
}

bool crmg_patient_looks(const struct crmg_snapshot *snap, const struct crmg_source_record *source)
{
	const struct crmg_binding *binding =
		crmg_image_binding(snap->image, crmg_source_binding(snap, source));

	return binding && binding->detect & 1 << CRMG_DETECT_PATIENT;
}

bool crmg_patient_find(const struct crmg_snapshot *snap, const struct crmg_source_record *source,
		       struct crmg_patient *ret)
{
	const struct crmg_patience *patience = patience_of(snap, &source->slot);

	if (!patience)
		return false;
	crmg_patient_judge(patience, crmg_source_bytes(&source->slot, &source->detail),
			   source->detail.bytes_out, snap->mono_ns, ret);
	return true;
}

/* ------------------------------------------------------------------- words */

/* Where bucket i begins, in bytes or ns; the first begins at 0. */
static uint64_t begin_of(unsigned int i, unsigned int shift)
{
	return i ? 1ULL << (shift + i - 1) : 0;
}

/* "537ms", "4.3s", "2.3m" of a gap: to be read, so two digits will do. */
static char *gap_text(uint64_t ns, char buf[CRMG_NUM_LEN])
{
	double s = (double)ns / CRMG_NS_PER_SEC;

	if (s < 1)
		snprintf(buf, CRMG_NUM_LEN, "%.0fms", s * 1000);
	else if (s < 60)
		snprintf(buf, CRMG_NUM_LEN, "%.1fs", s);
	else
		snprintf(buf, CRMG_NUM_LEN, "%.1fm", s / 60);
	return buf;
}

/* Where the bucket ends; the last has no end. */
static const char *end_text(unsigned int i, bool gap, char buf[CRMG_NUM_LEN])
{
	if (i + 1 >= CRMG_PATIENCE_BUCKETS)
		return "any";
	return gap ? gap_text(begin_of(i + 1, CRMG_PATIENCE_GAP_SHIFT), buf)
		   : crmg_format_bytes(begin_of(i + 1, CRMG_PATIENCE_SIZE_SHIFT), buf, CRMG_NUM_LEN);
}

char *crmg_patient_answers_text(const struct crmg_patient *patient, char buf[CRMG_PATIENT_LEN])
{
	char size[CRMG_NUM_LEN], size_end[CRMG_NUM_LEN], gap[CRMG_NUM_LEN], gap_end[CRMG_NUM_LEN];

	snprintf(buf, CRMG_PATIENT_LEN, "%.0f%% of %llu answers of %s to %s, %.0f%% of gaps %s to %s",
		 100 * patient->equal, (unsigned long long)patient->answers,
		 crmg_format_bytes(begin_of(patient->size_at, CRMG_PATIENCE_SIZE_SHIFT), size,
				   sizeof(size)),
		 end_text(patient->size_at + 1, false, size_end), 100 * patient->steady,
		 gap_text(begin_of(patient->gap_at, CRMG_PATIENCE_GAP_SHIFT), gap),
		 end_text(patient->gap_at + 1, true, gap_end));
	return buf;
}

char *crmg_patient_text(const struct crmg_patient *patient, char buf[CRMG_PATIENT_LEN])
{
	char answers[CRMG_PATIENT_LEN];

	snprintf(buf, CRMG_PATIENT_LEN, "score %u: %s, %u of %u parts of 18m, %.1f out for 1 in",
		 patient->score, crmg_patient_answers_text(patient, answers), patient->parts,
		 CRMG_PATIENCE_PARTS, patient->out_in);
	return buf;
}

/* Buckets that have something: {"from": .., "to": .. or null, "count": ..}. */
static json_t *histogram_json(const __u32 *buckets, unsigned int shift, double unit)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < CRMG_PATIENCE_BUCKETS; i++)
		if (buckets[i])
			json_array_append_new(list, json_pack("{s:f, s:o, s:o}",
				"from", begin_of(i, shift) / unit,
				"to", i + 1 < CRMG_PATIENCE_BUCKETS
					? json_real(begin_of(i + 1, shift) / unit) : json_null(),
				"count", crmg_json_count(buckets[i])));
	return list;
}

json_t *crmg_patient_json(const struct crmg_snapshot *snap,
			  const struct crmg_source_record *source)
{
	struct crmg_patient p;

	if (!crmg_patient_looks(snap, source) || !crmg_patient_find(snap, source, &p))
		return json_null();
	return json_pack("{s:i, s:b, s:o, s:f, s:f, s:i, s:f}",
		"score", (int)p.score,
		"told", p.score >= CRMG_PATIENT_SCORE,
		"answers", crmg_json_count(p.answers),
		"equal", p.equal,
		"steady", p.steady,
		"parts", (int)p.parts,
		"out_in", p.out_in);
}

json_t *crmg_patient_answers_json(const struct crmg_snapshot *snap,
				  const struct crmg_source_record *source)
{
	const struct crmg_patience *patience = patience_of(snap, &source->slot);

	if (!patience)
		return json_null();
	return json_pack("{s:o, s:o}",
		"bytes", histogram_json(patience->size, CRMG_PATIENCE_SIZE_SHIFT, 1),
		"gap_seconds", histogram_json(patience->gap, CRMG_PATIENCE_GAP_SHIFT,
					      CRMG_NS_PER_SEC));
}

const char *crmg_detect_text(const struct crmg_binding *binding)
{
	return binding->detect & 1 << CRMG_DETECT_PATIENT ? "patient observe" : NULL;
}

json_t *crmg_detect_json(const struct crmg_binding *binding)
{
	json_t *object;

	if (!binding->detect)
		return json_null();
	object = json_object();
	for (unsigned int i = 0; i < CRMG_DETECT_COUNT; i++)
		if (binding->detect >> i & 1)
			json_object_set_new(object, crmg_detect_name(i), json_string("observe"));
	return object;
}
