/* marks - marks are taken out wherever reads cut them, and hold back what follows them until their message has come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/marks.h"

static void
emit(void *arg, const char *bytes, size_t len)
{
	buf_add(arg, bytes, len);
}

static const char text[] = "one\0mark-T-1\0two\0mark-T-2\0three\0mark-T-x\0mark-\0mark-T-3";

static void
text_is_held_until_its_message_came(void **state)
{
	struct marks_pipe p = { .waiting = 0 };
	struct buf out = BUF_INIT;
	struct marks m;

	(void)state;
	marks_init(&m, "T");
	marks_feed(&m, &p, text, sizeof text - 1, emit, &out);
	assert_string_equal(buf_str(&out), "one");
	assert_int_equal(p.waiting, 1);
	m.seen = 1;
	marks_feed(&m, &p, NULL, 0, emit, &out);
	assert_string_equal(buf_str(&out), "onetwo");
	assert_int_equal(p.waiting, 2);
	m.seen = 9;
	marks_feed(&m, &p, NULL, 0, emit, &out);
	assert_int_equal(p.waiting, 0);
	assert_int_equal(out.len, sizeof "onetwothree\0mark-T-x\0mark-" - 1);
	marks_end(&m, &p, emit, &out);
	assert_memory_equal(out.data, "onetwothree\0mark-T-x\0mark-\0mark-T-3", out.len);
	buf_release(&out);
}

static void
reads_may_cut_anywhere(void **state)
{
	struct marks m;

	(void)state;
	marks_init(&m, "T");
	m.seen = 5;
	for (size_t i = 0; i < sizeof text; i++)
		for (size_t j = i; j < sizeof text; j++) {
			struct marks_pipe p = { .waiting = 0 };
			struct buf out = BUF_INIT;

			marks_feed(&m, &p, text, i, emit, &out);
			marks_feed(&m, &p, text + i, j - i, emit, &out);
			marks_feed(&m, &p, text + j, sizeof text - 1 - j, emit, &out);
			marks_end(&m, &p, emit, &out);
			assert_int_equal(out.len, sizeof "onetwothree\0mark-T-x\0mark-\0mark-T-3" - 1);
			assert_memory_equal(out.data, "onetwothree\0mark-T-x\0mark-\0mark-T-3", out.len);
			buf_release(&out);
		}
}

static void
a_kernel_that_makes_no_marks_is_passed_on_as_it_is(void **state)
{
	struct marks_pipe p = { .waiting = 0 };
	struct marks m = { .len = 0 };
	struct buf out = BUF_INIT;

	(void)state;
	marks_feed(&m, &p, text, sizeof text - 1, emit, &out);
	assert_int_equal(out.len, sizeof text - 1);
	assert_memory_equal(out.data, text, out.len);
	buf_release(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_held_until_its_message_came),
		cmocka_unit_test(reads_may_cut_anywhere),
		cmocka_unit_test(a_kernel_that_makes_no_marks_is_passed_on_as_it_is),
	};

	return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
