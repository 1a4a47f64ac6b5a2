/* env - what lists and files of variables say, as cases: input, then the variables or the complaint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "deploy/env.h"

static const struct {
	const char *text, *expected;
} lists[] = {
	{ "A=1", "A=1;" },
	{ "DEBUG=true,MAX_MEMORY=2G,API_KEY=secret", "DEBUG=true;MAX_MEMORY=2G;API_KEY=secret;" },
	{ "A=1,2,B=3", "A=1,2;B=3;" },
	{ "A=x=y,B==", "A=x=y;B==;" },
	{ "A=", "A=;" },
	{ "A=,B=", "A=;B=;" },
	{ "A=x,", "A=x,;" },
	{ "A=x,,B=1", "A=x,;B=1;" },
	{ "A=1, B=2", "A=1, B=2;" },
	{ "A=1,2B=3", "A=1,2B=3;" },
	{ "A=1,B", "A=1,B;" },
	{ "_a9=x,_=y", "_a9=x;_=y;" },
	{ "A=1,B=2,A=3", "A=3;B=2;" },
	{ "A=1,a=2", "A=1;a=2;" },
	{ "A=a \"b\" 'c' $d `e` # \\ \n\t", "A=a \"b\" 'c' $d `e` # \\ \n\t;" },
	{ "A=\xc3\xa9\xf0\x9f\x98\x80", "A=\xc3\xa9\xf0\x9f\x98\x80;" },

	{ "", "--env : must be NAME=VALUE" },
	{ "A", "--env A: must be NAME=VALUE" },
	{ "A,B=1", "--env A: must be NAME=VALUE" },
	{ "=x", "--env : a name is missing before '='" },
	{ "A=1,=x", "A=1,=x;" },
	{ ",A=1", "--env : must be NAME=VALUE" },
	{ "1A=x", "--env 1A: a name starts with a letter or '_' and has only letters, digits and '_'" },
	{ "A-B=x", "--env A-B: a name starts with a letter or '_' and has only letters, digits and '_'" },
	{ "A =x", "--env A : a name starts with a letter or '_' and has only letters, digits and '_'" },
	{ "\xc3\x84=x", "--env \xc3\x84: a name starts with a letter or '_' and has only letters, digits and '_'" },
	{ "A=\x01", "--env A: the value holds a control character" },
	{ "B=1,A=x\r", "--env A: the value holds a control character" },
	{ "A=\x7f", "--env A: the value holds a control character" },
	{ "A=\xff", "--env A: the value is not UTF-8" },
	{ "A=\xc3", "--env A: the value is not UTF-8" },
}, files[] = {
	{ "A=1\nB=2\n", "A=1@1;B=2@2;" },
	{ "A=1", "A=1@1;" },
	{ "", "" },
	{ "\n\n  \n\t\n# A=1\n  # B=1\n", "" },
	{ "\n# c\nexport A=1\n", "A=1@3;" },
	{ "  export   A=1\n", "A=1@1;" },
	{ "export=1\n", "export=1@1;" },
	{ "A=1 # no comment\n", "A=1 # no comment@1;" },
	{ "A=\"x y\"\nB='z'\n", "A=\"x y\"@1;B='z'@2;" },
	{ "A= x \n", "A= x @1;" },
	{ "A=1,B=2\n", "A=1,B=2@1;" },
	{ "A=1\r\n\r\nB=2\r\n", "A=1@1;B=2@3;" },
	{ "\xef\xbb\xbf" "A=1\n", "A=1@1;" },
	{ "A=1\nB=2\nA=3\n", "A=3@3;B=2@2;" },

	{ "A=1\nB\n", "f.env:2: B: must be NAME=VALUE" },
	{ "A = 1\n", "f.env:1: A : a name starts with a letter or '_' and has only letters, digits and '_'" },
	{ "A B=1\n", "f.env:1: A B: a name starts with a letter or '_' and has only letters, digits and '_'" },
	{ "export \n", "f.env:1: : must be NAME=VALUE" },
	{ "\n=1\n", "f.env:2: : a name is missing before '='" },
	{ "A=\rx\n", "f.env:1: A: the value holds a control character" },
	{ "A=\x1b[0m\n", "f.env:1: A: the value holds a control character" },
	{ "A=\xfe\n", "f.env:1: A: the value is not UTF-8" },
};

static void
describe(int r, struct env *e, struct buf *why, struct buf *out)
{
	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		buf_puts(out, buf_str(why));
	} else {
		assert_int_equal(why->len, 0);
		for (size_t i = 0; i < e->n; i++) {
			buf_printf(out, "%s=%s", e->var[i].name, e->var[i].value);
			if (e->var[i].file != NULL)
				buf_printf(out, "@%u", e->var[i].line);
			buf_putc(out, ';');
		}
	}
	env_release(e);
	buf_release(why);
}

static void
test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		struct buf why = BUF_INIT, out = BUF_INIT;
		struct env e = ENV_INIT;

		describe(env_parse_list(&e, lists[i].text, &why), &e, &why, &out);
		assert_string_equal(buf_str(&out), lists[i].expected);
		buf_release(&out);
	}
}

static void
test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct buf why = BUF_INIT, out = BUF_INIT;
		struct env e = ENV_INIT;

		describe(env_parse_file(&e, "f.env", files[i].text, strlen(files[i].text), &why), &e, &why, &out);
		assert_string_equal(buf_str(&out), files[i].expected);
		buf_release(&out);
	}
}

static void
test_nul(void **state)
{
	struct buf why = BUF_INIT;
	struct env e = ENV_INIT;

	(void)state;
	assert_int_equal(env_parse_file(&e, "f", "A=x\0y\n", 6, &why), -EINVAL);
	assert_string_equal(buf_str(&why), "f:1: A: the value holds a control character");
	assert_int_equal(env_parse_file(&e, "f", "A\0B=x\n", 6, &why), -EINVAL);
	assert_int_equal(e.n, 0);
	env_release(&e);
	buf_release(&why);
}

static void
test_sources_add_up(void **state)
{
	struct buf why = BUF_INIT;
	struct env e = ENV_INIT;

	(void)state;
	assert_int_equal(env_parse_file(&e, "f", "A=1\nB=1\n", 8, &why), 0);
	assert_int_equal(env_parse_list(&e, "B=2", &why), 0);
	assert_string_equal(env_get(&e, "A")->value, "1");
	assert_string_equal(env_get(&e, "B")->value, "2");
	assert_null(env_get(&e, "AB"));
	assert_null(env_get(&e, ""));
	assert_int_equal(env_refuse(env_get(&e, "A"), &why, "bad"), -EBADMSG);
	assert_int_equal(env_refuse(env_get(&e, "B"), &why, "bad"), -EINVAL);
	assert_string_equal(buf_str(&why), "f:1: A=1: bad--env B=2: bad");
	env_release(&e);
	env_release(&e);
	buf_release(&why);
}

static void
test_bounds(void **state)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	struct env e = ENV_INIT;

	(void)state;
	for (int i = 0; i < ENV_MAX; i++)
		buf_printf(&text, "V%d=x\n", i);
	assert_int_equal(env_parse_file(&e, "f", buf_str(&text), text.len, &why), 0);
	assert_int_equal(env_parse_list(&e, "V7=y", &why), 0);
	assert_int_equal(env_parse_list(&e, "W=x", &why), -EINVAL);
	assert_string_equal(buf_str(&why), "--env W: more than 1000 variables");
	env_release(&e);
	buf_reset(&text);
	buf_reset(&why);
	buf_puts(&text, "A=");
	while (text.len < ENV_BYTES_MAX)
		buf_putc(&text, ',');
	assert_int_equal(env_parse_list(&e, buf_str(&text), &why), 0);
	buf_putc(&text, 'x');
	assert_int_equal(env_parse_list(&e, buf_str(&text), &why), -EINVAL);
	assert_string_equal(buf_str(&why), "--env A: longer than 131071 bytes");
	env_release(&e);
	buf_release(&text);
	buf_release(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_sources_add_up),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
