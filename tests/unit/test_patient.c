// SPDX-License-Identifier: GPL-2.0
/*
 * test_patient.c - what the score of patient sources is tuned on: days of a browser, of a partner
 * that syncs at night and of walkers that take one contact at a time, played request by request
 * through what the packet path does. Traces come from seeds, so each is the same every time.
 * How often the first are taken for the last is printed.
 */
#include "snapshot.h"
#include "../../user/report/patient.h"

#include <crmgate/patience.h>

#define MS   1000000ULL
#define S    CRMG_NS_PER_SEC
#define HOUR (3600 * S)
#define DAY  (24 * HOUR)

#define DAYS  5
#define SEEDS 40

/* A source at play. */
struct play {
	struct crmg_patience p;
	uint64_t random;
	uint64_t now;			/* since the play began, which is a midnight */
	uint64_t in;			/* bytes */
	uint64_t out;
	uint64_t judged;		/* minute */
	uint64_t told_ns;		/* when it was first told of; 0: not yet */
	unsigned int told_days;		/* bit i: on day i */
	unsigned int most;		/* its highest score */
};

static uint64_t below(struct play *play, uint64_t limit)
{
	play->random = play->random * 6364136223846793005u + 1442695040888963407u;
	return (play->random >> 33) * limit >> 31;
}

static uint64_t between(struct play *play, uint64_t low, uint64_t high)
{
	return low + below(play, high - low + 1);
}

/* About log-normal: the median times two to the power of about `spread` / 256, either way. */
static uint64_t around(struct play *play, uint64_t median, int spread)
{
	int sum = 0, power;

	for (int i = 0; i < 6; i++)
		sum += (int)below(play, 513) - 256;
	/* The standard deviation of the sum is 256 * sqrt(2). */
	power = sum * spread / 362 + 256 * 16;
	return (median << (power >> 8)) / 65536 * (uint64_t)(256 + (power & 255)) / 256;
}

/* About exponential: how long until something comes that is due at any moment. */
static uint64_t any_time(struct play *play, uint64_t mean)
{
	uint64_t steps = 0;

	while (below(play, 16))
		steps++;
	return steps * mean / 16 + below(play, mean / 16 + 1);
}

static const uint64_t began = 1000 * DAY;	/* of the clock; a part of 18 min has no such border */

/* A request, after a gap, that is answered with so many bytes. Judged once a minute. */
static void ask(struct play *play, uint64_t gap, uint64_t in, uint64_t out)
{
	struct crmg_patient judged;

	play->now += gap;
	/* One acknowledgement for two segments. */
	play->in += in + out / 46;
	if (!play->p.check)
		crmg_patience_begin(&play->p, 1, play->out, began + play->now);
	else
		crmg_patience_ask(&play->p, play->out, began + play->now);
	play->out += out;
	if (play->now / (60 * S) == play->judged)
		return;
	play->judged = play->now / (60 * S);
	crmg_patient_judge(&play->p, play->in, play->out, began + play->now, &judged);
	play->most = judged.score > play->most ? judged.score : play->most;
	if (judged.score < CRMG_PATIENT_SCORE)
		return;
	play->told_days |= 1u << play->now / DAY;
	if (!play->told_ns)
		play->told_ns = play->now;
}

/* True from 9 to 17 o'clock; else it waits for the next morning. */
static bool at_work(struct play *play)
{
	uint64_t hour = play->now % DAY / HOUR;

	if (hour >= 9 && hour < 17)
		return true;
	play->now += hour < 9 ? 9 * HOUR - play->now % DAY : DAY + 9 * HOUR - play->now % DAY;
	return false;
}

/* ------------------------------------------------------------------- traces */

/* Pages of a document and what belongs to it, asked for side by side; then it is read. */
static void browse(struct play *play)
{
	uint64_t parts;

	if (!at_work(play))
		return;
	ask(play, between(play, 2, 4) * S + around(play, 20 * S, 400), 700, around(play, 20000, 256));
	for (parts = between(play, 3, 25); parts; parts--)
		ask(play, around(play, 30 * MS, 400), 600 + between(play, 0, 300),
		    around(play, 8000, 512));
	if (!below(play, 40))
		ask(play, 2 * S, 30000, between(play, 1, 4) * 1000000);
	if (!below(play, 60))
		play->now += around(play, 20 * 60 * S, 256);	/* a coffee */
}

/* One page, a click, a call: an application that fetches a single answer at a time. */
static void click(struct play *play)
{
	if (at_work(play))
		ask(play, 2 * S + around(play, 12 * S, 350), 800, 900 + around(play, 4000, 500));
}

/* At two in the morning all that has changed, a hundred contacts a page; news all day. */
static void sync_nightly(struct play *play)
{
	uint64_t pages = between(play, 1000, 6000), night = play->now / DAY;

	for (; pages; pages--)
		ask(play, around(play, 180 * MS, 200), 2000, around(play, 60000, 90));
	while (play->now / DAY == night)
		ask(play, between(play, 10, 15) * 60 * S, 700, 800 + around(play, 600, 200));
	play->now = (night + 1) * DAY + 2 * HOUR;
}

/* A contact, a pause; now and then a longer one. */
static void walk(struct play *play)
{
	ask(play, between(play, 3000, 7000) * MS, 550, 600 + around(play, 1800, 110));
	if (!below(play, 500))
		play->now += between(play, 60, 300) * S;
}

/* The same, that waits as long as chance wants it. */
static void walk_by_chance(struct play *play)
{
	ask(play, 200 * MS + any_time(play, 6 * S), 550, 600 + around(play, 1800, 110));
}

/* Only while others work. */
static void walk_by_day(struct play *play)
{
	if (at_work(play))
		ask(play, between(play, 4, 9) * S, 550, 600 + around(play, 1800, 110));
}

/* Exports, one after the other, as slow as a limit of requests wants them. */
static void drain(struct play *play)
{
	ask(play, any_time(play, 60 * S), 6000, 200000 + around(play, 100000, 500));
}

/* Asks for news each half minute: the same answers, at the same pace. */
static void poll(struct play *play)
{
	ask(play, 30 * S, 600, 900);
}

/* -------------------------------------------------------------------- plays */

struct trace {
	const char *name;
	void (*go_on)(struct play *play);
	bool wanted;			/* to be told of */
};

/* Of each trace so many are played; the number of days on which one was told of. */
static unsigned int play_all(const struct trace *trace)
{
	unsigned int days = 0, told = 0, most = 0;
	uint64_t first = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play = { .random = seed * 7919 + 20261130 };

		while (play.now < DAYS * DAY)
			trace->go_on(&play);
		days += __builtin_popcount(play.told_days & ((1u << DAYS) - 1));
		told += play.told_days != 0;
		first += play.told_ns;
		most = play.most > most ? play.most : most;
	}
	print_message("# %-16s told of %3u of %u sources, on %3u of %u days (%5.1f %%), "
		      "first after %4.1f h, highest score %u\n", trace->name, told, SEEDS, days,
		      SEEDS * DAYS, 100.0 * days / (SEEDS * DAYS),
		      told ? (double)first / told / HOUR : 0, most);
	return trace->wanted ? told : days;
}

static void test_right_side(void **state)
{
	static const struct trace traces[] = {
		{ "browser", browse, false },
		{ "clicks", click, false },
		{ "nightly sync", sync_nightly, false },
		{ "walker", walk, true },
		{ "by chance", walk_by_chance, true },
		{ "by day", walk_by_day, true },
		{ "drain", drain, true },
		/* It looks like a walker, and is told of: leave `detect` out of its policy. */
		{ "poller", poll, true },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(traces); i++)
		assert_int_equal(play_all(&traces[i]), traces[i].wanted ? SEEDS : 0);
}

/* ------------------------------------------------------------------- pieces */

static void test_buckets(void **state)
{
	(void)state;
	assert_int_equal(crmg_patience_bucket(0, 8), 0);
	assert_int_equal(crmg_patience_bucket(255, 8), 0);
	assert_int_equal(crmg_patience_bucket(256, 8), 1);
	assert_int_equal(crmg_patience_bucket(511, 8), 1);
	assert_int_equal(crmg_patience_bucket(512, 8), 2);
	assert_int_equal(crmg_patience_bucket((1 << 22) - 1, 8), 14);
	assert_int_equal(crmg_patience_bucket(1 << 22, 8), 15);
	assert_int_equal(crmg_patience_bucket(1ULL << 62, 8), 15);
}

static uint64_t sum_of(const __u32 *buckets)
{
	uint64_t sum = 0;

	for (int i = 0; i < CRMG_PATIENCE_BUCKETS; i++)
		sum += buckets[i];
	return sum;
}

/* What was done fades, and what is long over is forgotten; an erased source begins anew. */
static void test_time(void **state)
{
	const uint64_t part = 1ULL << CRMG_PATIENCE_PART_SHIFT, all = CRMG_PATIENCE_PARTS * part;
	struct crmg_patience p;

	(void)state;
	crmg_patience_begin(&p, 7, 0, all);
	for (unsigned int i = 1; i <= 100; i++)
		crmg_patience_ask(&p, i * 1000, all + i);
	assert_int_equal(sum_of(p.gap), 100);
	assert_int_equal(p.size[4], 100);
	crmg_patience_ask(&p, 200000, all + 3 * part);
	assert_int_equal(p.active, 9);
	assert_int_equal(sum_of(p.gap), 101);
	crmg_patience_ask(&p, 201000, 2 * all);
	assert_int_equal(sum_of(p.gap), 51);
	assert_int_equal(p.active, 1 | 1ULL << 61);
	crmg_patience_ask(&p, 202000, 4 * all);
	assert_int_equal(sum_of(p.gap), 0);
	assert_int_equal(p.active, 1);
	crmg_patience_ask(&p, 203000, 4 * all + 1);
	assert_int_equal(sum_of(p.gap), 1);
	crmg_patience_ask(&p, 10, 4 * all + 2);
	assert_int_equal(sum_of(p.gap), 0);
	assert_int_equal(p.check, 7);
}

/* Of two CPUs that have requests at once the clock of one is behind, here in the part before. */
static void test_clocks(void **state)
{
	const uint64_t border = 9ULL << CRMG_PATIENCE_PART_SHIFT;
	struct crmg_patience p, before;

	(void)state;
	crmg_patience_begin(&p, 7, 0, border - HOUR);
	for (unsigned int i = 1; i <= 100; i++)
		crmg_patience_ask(&p, i * 1000, border + i);
	before = p;
	crmg_patience_ask(&p, 101000, border - 1);
	assert_int_equal(p.active, before.active);
	assert_int_equal(sum_of(p.gap), 101);
	assert_int_equal(p.gap[0], before.gap[0] + 1);
	assert_int_equal(p.last_ns, before.last_ns);
}

static unsigned int told_of;
static char last_text[CRMG_PATIENT_LEN];

static void tell(void *ctx, const struct crmg_pfx *source, const char *service, const char *text)
{
	const struct crmg_pfx meant = pfx("203.0.113.7");

	(void)ctx;
	assert_int_equal(crmg_addr_cmp(&source->addr, &meant.addr), 0);
	assert_int_equal(source->len, 128);
	assert_string_equal(service, "web");
	crmg_copy(last_text, sizeof(last_text), text);
	told_of++;
}

/* Source 3 of the fixture, of a policy that looks for such, as a walker for ten hours. */
static struct crmg_patience *walker(void)
{
	struct crmg_patience *p;
	struct crmg_binding *binding;

	fixture_init();
	add_requests(3, "203.0.113.7", 1000);
	binding = (struct crmg_binding *)crmg_image_binding(&fx.image,
			CRMG_SLOT_BINDING(fx.slots[3].resolved));
	binding->detect = 1 << CRMG_DETECT_PATIENT;
	p = &fx.patience[fx.slots[3].check % CRMG_PATIENTS];
	*p = (struct crmg_patience){
		.check = fx.slots[3].check, .index = 3, .active = (1ULL << 33) - 1,
		.part = fx.snap.mono_ns >> CRMG_PATIENCE_PART_SHIFT,
		.size[4] = 800, .size[5] = 190, .size[9] = 10, .gap[9] = 500, .gap[10] = 500,
	};
	return p;
}

/* Each source once an hour, and only where its policy wants it. */
static void test_watch(void **state)
{
	struct crmg_patient_watch watch = { 0 };
	struct crmg_patience *p = walker();
	struct crmg_patient judged;
	struct crmg_source_record source;
	json_t *json;

	(void)state;
	told_of = 0;
	assert_int_equal(crmg_patient_look(&watch, &fx.snap, tell, NULL), 0);
	assert_int_equal(told_of, 1);
	assert_non_null(strstr(last_text, "score 100: 99% of 1000 answers of 512B to 2KiB, 100% of gaps "
				"4.3s to 17.2s, 33 of 64 parts of 18m"));
	crmg_patient_look(&watch, &fx.snap, tell, NULL);
	fx.snap.mono_ns += CRMG_PATIENT_AGAIN_NS - 1;
	crmg_patient_look(&watch, &fx.snap, tell, NULL);
	assert_int_equal(told_of, 1);
	fx.snap.mono_ns++;
	crmg_patient_look(&watch, &fx.snap, tell, NULL);
	assert_int_equal(told_of, 2);
	assert_int_not_equal(crmg_source_read(&fx.snap, 3, &source), CRMG_TAG_EMPTY);
	json = crmg_patient_json(&fx.snap, &source);
	assert_int_equal(json_integer_value(json_object_get(json, "score")), 100);
	json_decref(json);
	json = crmg_patient_answers_json(&fx.snap, &source);
	assert_int_equal(json_array_size(json_object_get(json, "bytes")), 3);
	json_decref(json);
	/* Another source's by now; or one of a policy that does not look. */
	p->check++;
	assert_false(crmg_patient_find(&fx.snap, &source, &judged));
	fx.snap.mono_ns += CRMG_PATIENT_AGAIN_NS;
	crmg_patient_look(&watch, &fx.snap, tell, NULL);
	p = walker();
	((struct crmg_binding *)crmg_image_binding(&fx.image,
		CRMG_SLOT_BINDING(fx.slots[3].resolved)))->detect = 0;
	assert_false(crmg_patient_looks(&fx.snap, &source));
	assert_true(crmg_patient_find(&fx.snap, &source, &judged));
	fx.snap.mono_ns += 9 * CRMG_PATIENT_AGAIN_NS;
	crmg_patient_look(&watch, &fx.snap, tell, NULL);
	assert_int_equal(told_of, 2);
	crmg_patient_watch_free(&watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_right_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
