/* sandbox - what bubblewrap is told, and what of the caller's environment gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "local/sandbox.h"

static const struct sandbox_bind binds[] = {
	{ "/usr", "/usr", false },
	{ "usr/lib", "/lib", true },
	{ "/run/0", SANDBOX_BIN "/executor-jupyter", false },
};

static struct argv
options(struct sandbox *s, struct argv *env)
{
	struct argv o = ARGV_INIT;

	argv_setenv(env, "A", "b=c d");
	s->hostname = "executor-003";
	s->socket_dir = "/run/user/7/execmgr-x/3/in";
	s->bind = binds;
	s->nbind = 3;
	s->env = env;
	assert_int_equal(sandbox_options(s, &o), 0);
	return o;
}

/* Where `option a b` stands (a, b NULL: not looked at); -1: nowhere. */
static int
at(const struct argv *o, const char *option, const char *a, const char *b)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->item[i], option) == 0 && (!a || (i + 1 < o->n && strcmp(o->item[i + 1], a) == 0)) &&
		    (!b || (i + 2 < o->n && strcmp(o->item[i + 2], b) == 0)))
			return (int)i;
	return -1;
}

static void
test_closed_by_default(void **state)
{
	static const char *const needed[] = {
		"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--disable-userns",
		"--new-session", "--die-with-parent", "--clearenv"
	};
	struct sandbox s = { 0 };
	struct argv env = ARGV_INIT, o = options(&s, &env);

	(void)state;
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		assert_true(at(&o, needed[i], NULL, NULL) >= 0);
	assert_true(at(&o, "--cap-drop", "ALL", NULL) >= 0);
	assert_true(at(&o, "--hostname", "executor-003", NULL) >= 0);
	assert_true(at(&o, "--uid", "1000", NULL) >= 0);
	assert_int_equal(at(&o, "--as-pid-1", NULL, NULL), -1);
	argv_release(&o);
	argv_release(&env);
}

static void
test_opened_when_asked(void **state)
{
	struct sandbox s = { .net = true, .userns_open = true, .pid1 = true };
	struct argv env = ARGV_INIT, o = options(&s, &env);

	(void)state;
	assert_int_equal(at(&o, "--unshare-net", NULL, NULL), -1);
	assert_int_equal(at(&o, "--disable-userns", NULL, NULL), -1);
	assert_true(at(&o, "--as-pid-1", NULL, NULL) >= 0);
	assert_true(at(&o, "--unshare-user", NULL, NULL) >= 0);
	argv_release(&o);
	argv_release(&env);
}

/* Only the socket's directory is bound so that it can be written to. */
static void
test_mounts(void **state)
{
	struct sandbox s = { 0 };
	struct argv env = ARGV_INIT, o = options(&s, &env);
	int root = at(&o, "--remount-ro", "/", NULL), writable = 0;

	(void)state;
	assert_true(at(&o, "--ro-bind", "/usr", "/usr") >= 0);
	assert_true(at(&o, "--symlink", "usr/lib", "/lib") >= 0);
	assert_true(at(&o, "--ro-bind", "/run/0", SANDBOX_BIN "/executor-jupyter") >= 0);
	assert_true(at(&o, "--ro-bind", "/proc/sys", "/proc/sys") > at(&o, "--proc", "/proc", NULL));
	assert_true(at(&o, "--bind", "/run/user/7/execmgr-x/3/in", SANDBOX_SOCKET_DIR) >= 0);
	assert_true(at(&o, "--tmpfs", "/tmp", NULL) >= 2);
	assert_string_equal(o.item[at(&o, "--tmpfs", "/tmp", NULL) - 2], "--size");
	assert_string_equal(o.item[at(&o, "--tmpfs", SANDBOX_WORK, NULL) - 2], "--size");
	assert_string_equal(o.item[at(&o, "--tmpfs", SANDBOX_WORK, NULL) - 1], "1073741824");
	assert_true(at(&o, "--remount-ro", "/dev", NULL) >= 0);
	for (size_t i = 0; i < o.n; i++) {
		writable += strcmp(o.item[i], "--bind") == 0 || strcmp(o.item[i], "--dev-bind") == 0;
		if (strstr(o.item[i], "bind") || strcmp(o.item[i], "--tmpfs") == 0 || strcmp(o.item[i], "--symlink") == 0)
			assert_true((int)i < root);		/* nothing can be mounted on it later */
	}
	assert_int_equal(writable, 1);
	argv_release(&o);
	argv_release(&env);
}

static void
test_file_systems_in_memory_are_as_large_as_told(void **state)
{
	static const char *const at_each[] = { "/tmp", "/dev/shm", SANDBOX_WORK, SANDBOX_RUN };
	struct sandbox s = { .tmpfs_bytes = 4096 };
	struct argv env = ARGV_INIT, o = options(&s, &env);

	(void)state;
	for (size_t i = 0; i < sizeof at_each / sizeof *at_each; i++)
		assert_string_equal(o.item[at(&o, "--tmpfs", at_each[i], NULL) - 1], "4096");
	argv_release(&o);
	argv_release(&env);
}

static void
test_environment_of_the_sandbox(void **state)
{
	struct sandbox s = { 0 };
	struct argv env = ARGV_INIT, o = options(&s, &env);

	(void)state;
	assert_true(at(&o, "--setenv", "A", "b=c d") > at(&o, "--clearenv", NULL, NULL));
	argv_release(&o);
	argv_release(&env);
}

static char *caller[] = {
	"SECRET=x", "AWS_SECRET_ACCESS_KEY=y", "LC_ALL=de_DE.UTF-8", "LANG=C", "EXECUTION_TIMEOUT=7", "PATH=/home/u/bin", "HOME=/root",
	"WORKSPACE_FOLDER=/home/u/project", "LD_PRELOAD=/tmp/evil.so", "PYTHONPATH=/home/u", "EXECUTION_TIMEOUTS=8", "nonsense",
	"JUPYTER_PATH=/home/u/j", NULL
};

static void
test_caller_environment_is_listed(void **state)
{
	static const char *const never[] = { "SECRET", "AWS_SECRET_ACCESS_KEY", "LD_PRELOAD", "PYTHONPATH", "EXECUTION_TIMEOUTS" };
	struct argv env;

	(void)state;
	for (int sandboxed = 0; sandboxed < 2; sandboxed++) {
		assert_int_equal(sandbox_env(caller, sandboxed, NULL, 0, &env), 0);
		for (size_t i = 0; i < sizeof never / sizeof *never; i++)
			assert_null(argv_getenv(&env, never[i]));
		assert_string_equal(argv_getenv(&env, "LC_ALL"), "de_DE.UTF-8");
		assert_string_equal(argv_getenv(&env, "LANG"), "C");
		assert_string_equal(argv_getenv(&env, "EXECUTION_TIMEOUT"), "7");
		assert_string_equal(argv_getenv(&env, "HOME"), sandboxed ? SANDBOX_WORK : "/root");
		assert_string_equal(argv_getenv(&env, "PATH"), sandboxed ? "/usr/local/bin:/usr/bin:/bin" : "/home/u/bin");
		if (sandboxed) {
			assert_null(argv_getenv(&env, "WORKSPACE_FOLDER"));
			assert_null(argv_getenv(&env, "JUPYTER_PATH"));
		} else
			assert_string_equal(argv_getenv(&env, "WORKSPACE_FOLDER"), "/home/u/project");
		argv_release(&env);
	}
}

static void
test_given_variables_win(void **state)
{
	const char *const extra[] = { "EXECUTION_TIMEOUT=9", "HOME=/tmp", "NEW=a=b", "EMPTY=" };
	struct argv env;

	(void)state;
	assert_int_equal(sandbox_env(caller, true, extra, 4, &env), 0);
	assert_string_equal(argv_getenv(&env, "EXECUTION_TIMEOUT"), "9");
	assert_string_equal(argv_getenv(&env, "HOME"), "/tmp");
	assert_string_equal(argv_getenv(&env, "NEW"), "a=b");
	assert_string_equal(argv_getenv(&env, "EMPTY"), "");
	for (size_t i = 0, n = 0; i < env.n; i++) {
		n += strncmp(env.item[i], "HOME=", 5) == 0;
		assert_true(n <= 1);
	}
	argv_release(&env);
}

static void
test_names(void **state)
{
	(void)state;
	assert_true(sandbox_env_ok("A=1"));
	assert_true(sandbox_env_ok("_a9="));
	assert_false(sandbox_env_ok("A"));
	assert_false(sandbox_env_ok("=1"));
	assert_false(sandbox_env_ok("9A=1"));
	assert_false(sandbox_env_ok("A-B=1"));
	assert_false(sandbox_env_ok(""));
	assert_true(sandbox_is_below("/usr", "/usr"));
	assert_true(sandbox_is_below("/usr/bin/x", "/usr/"));
	assert_false(sandbox_is_below("/usrlocal", "/usr"));
	assert_true(sandbox_is_below("/x", "/"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed_by_default),
		cmocka_unit_test(test_opened_when_asked),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_file_systems_in_memory_are_as_large_as_told),
		cmocka_unit_test(test_environment_of_the_sandbox),
		cmocka_unit_test(test_caller_environment_is_listed),
		cmocka_unit_test(test_given_variables_win),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
