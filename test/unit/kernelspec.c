/* kernelspec - where kernels are looked for, what a kernel.json may say, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "../../executor/jupyter/kernelspec.h"
#include "../../executor/jupyter/scratch.h"

static struct buf dir;

static void
write_spec(const char *below, const char *name, const char *text)
{
	struct buf path = BUF_INIT;
	FILE *f;

	buf_printf(&path, "%s/%s", buf_str(&dir), below);
	for (char *p = path.data + dir.len + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		mkdir(path.data, 0755);
	}
	mkdir(path.data, 0755);
	buf_printf(&path, "/%s", name);
	mkdir(path.data, 0755);
	buf_puts(&path, "/kernel.json");
	f = fopen(path.data, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	buf_release(&path);
}

static int
setup(void **state)
{
	struct buf v = BUF_INIT;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "ks", &dir), 0);
	buf_printf(&v, "%s/one:%s/two", buf_str(&dir), buf_str(&dir));
	setenv("JUPYTER_PATH", buf_str(&v), 1);
	unsetenv("JUPYTER_DATA_DIR");
	unsetenv("XDG_DATA_HOME");
	setenv("HOME", buf_str(&dir), 1);
	buf_release(&v);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_int_equal(scratch_remove(buf_str(&dir)), 0);
	buf_release(&dir);
	return 0;
}

static void
find(const char *name, const char *display_name)
{
	struct kernelspec spec;
	struct buf why = BUF_INIT;

	if (kernelspec_find(name, &spec, &why) < 0)
		fail_msg("%s: %s", name, buf_str(&why));
	assert_string_equal(spec.display_name, display_name);
	kernelspec_release(&spec);
	buf_release(&why);
}

static void
the_first_directory_that_has_it_wins(void **state)
{
	struct buf v = BUF_INIT;

	(void)state;
	write_spec("two/kernels", "x", "{\"argv\":[\"a\"],\"display_name\":\"two\"}");
	write_spec(".local/share/jupyter/kernels", "x", "{\"argv\":[\"a\"],\"display_name\":\"home\"}");
	write_spec(".local/share/jupyter/kernels", "y", "{\"argv\":[\"a\"],\"display_name\":\"home y\"}");
	write_spec("data/kernels", "y", "{\"argv\":[\"a\"],\"display_name\":\"data y\"}");
	find("x", "two");
	find("y", "home y");
	write_spec("one/kernels", "x", "{\"argv\":[\"a\"],\"display_name\":\"one\"}");
	find("x", "one");
	buf_printf(&v, "%s/data", buf_str(&dir));
	setenv("JUPYTER_DATA_DIR", buf_str(&v), 1);
	find("y", "data y");
	unsetenv("JUPYTER_DATA_DIR");
	buf_release(&v);
}

static void
refused(const char *name, int err, const char *words)
{
	struct kernelspec spec;
	struct buf why = BUF_INIT;

	assert_int_equal(kernelspec_find(name, &spec, &why), err);
	if (!strstr(buf_str(&why), words))
		fail_msg("%s: \"%s\" lacks \"%s\"", name, buf_str(&why), words);
	buf_release(&why);
}

static void
names_that_lead_elsewhere_are_no_names(void **state)
{
	(void)state;
	refused("../x", -EINVAL, "name");
	refused("", -EINVAL, "name");
	refused(".", -EINVAL, "name");
	refused("a b", -EINVAL, "name");
	refused("a\nb", -EINVAL, "name");
}

static void
a_kernel_that_is_not_there_is_told_with_those_that_are(void **state)
{
	(void)state;
	write_spec("one/kernels", "here", "{\"argv\":[\"a\"]}");
	refused("nowhere", -ENOENT, "here");
}

static void
a_bad_kernel_json_is_refused_by_its_path_and_fault(void **state)
{
	(void)state;
	write_spec("one/kernels", "json", "{\n\"argv\":[\"a\"],,}");
	refused("json", -EBADMSG, "json/kernel.json: line 2");
	write_spec("one/kernels", "noargv", "{}");
	refused("noargv", -EBADMSG, "argv is no list");
	write_spec("one/kernels", "empty", "{\"argv\":[]}");
	refused("empty", -EBADMSG, "argv is empty");
	write_spec("one/kernels", "numbers", "{\"argv\":[\"a\",1]}");
	refused("numbers", -EBADMSG, "strings");
	write_spec("one/kernels", "nul", "{\"argv\":[\"a\\u0000b\"]}");
	refused("nul", -EBADMSG, "NUL");
	write_spec("one/kernels", "mode", "{\"argv\":[\"a\"],\"interrupt_mode\":\"shout\"}");
	refused("mode", -EBADMSG, "interrupt_mode");
	write_spec("one/kernels", "env", "{\"argv\":[\"a\"],\"env\":{\"A=B\":\"c\"}}");
	refused("env", -EBADMSG, "env");
	write_spec("one/kernels", "array", "[]");
	refused("array", -EBADMSG, "not an object");
}

static void
argv_and_env_are_filled_in(void **state)
{
	static const char text[] = "{\"argv\":[\"/usr/bin/ipykernel\",\"-f\",\"{connection_file}\",\"{resource_dir}/x\"],"
	    "\"language\":\"python\",\"interrupt_mode\":\"message\",\"env\":{\"A\":\"${HOME_OF_TEST}/b\",\"B\":\"$x ${\"}}";
	struct kernelspec spec = KERNELSPEC_INIT;
	struct buf why = BUF_INIT, word = BUF_INIT;

	(void)state;
	setenv("HOME_OF_TEST", "/h", 1);
	assert_int_equal(kernelspec_parse(text, sizeof text - 1, "/dir", &spec, &why), 0);
	assert_true(spec.interrupt_by_message);
	assert_true(spec.is_ipykernel);
	assert_string_equal(spec.env[0], "A=/h/b");
	assert_string_equal(spec.env[1], "B=$x ${");
	kernelspec_fill(&spec, spec.argv[2], "/c.json", &word);
	buf_putc(&word, ' ');
	kernelspec_fill(&spec, spec.argv[3], "/c.json", &word);
	assert_string_equal(buf_str(&word), "/c.json /dir/x");
	kernelspec_release(&spec);
	buf_release(&word);
	buf_release(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_directory_that_has_it_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(names_that_lead_elsewhere_are_no_names, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kernel_that_is_not_there_is_told_with_those_that_are, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_kernel_json_is_refused_by_its_path_and_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(argv_and_env_are_filled_in, setup, teardown),
	};

	return cmocka_run_group_tests_name("kernelspec", tests, NULL, NULL);
}
