/* plan - what options make of a deployment: options, then the plan in short or the refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "deploy/plan.h"

static const struct {
	const char *types;
	int count, start_port;
	const char *expected;
} cases[] = {
	{ "python", 0, 60000, "10: python*10 60000-60009" },
	{ "python", 3, 60000, "3: python*3 60000-60002" },
	{ "a:2,b:1", 0, 100, "3: a*2 b*1 100-102" },
	{ "a:2,b", 5, 100, "5: a*2 b*3 100-104" },
	{ "a,b:9", 0, 100, "10: a*1 b*9 100-109" },
	{ "a:1", 1, 65535, "1: a*1 65535-65535" },
	{ "a:10", 0, 4990, "10: a*10 4990-4999" },
	{ "a:1", 0, 5001, "1: a*1 5001-5001" },
	{ "a:10000", 10000, 50000, "10000: a*10000 50000-59999" },
	{ "a:2,b", 2, 100, "--types a:2,b: nothing is left of 2 executors for b" },
	{ "a,b", 2, 100, "--types a,b: only one type may go without a count" },
	{ "a:2", 3, 100, "--types a:2: that is 2 executors, but --num-containers says 3" },
	{ "a:1", 0, 5000, "--start-port 5000: the ports 5000 to 5000 include the manager's, 5000" },
	{ "a:11", 0, 4990, "--start-port 4990: the ports 4990 to 5000 include the manager's, 5000" },
	{ "a:2", 0, 65535, "--start-port 65535: 2 executors need the ports up to 65536, and the last there is is 65535" },
	{ "a:1,b:x", 0, 100, "--types b:x: the count must be a whole number" },
	{ "a:1,", 0, 100, "--types a:1,: a type is missing" },
	{ "A:1", 0, 100, "--types A:1: no image can be called A; name one with --image A=REF" },
};

/* Options beyond types and ports; the pool is python:2,kaggle:1 from port 60000. */
static const struct {
	struct plan_options o;
	const char *env, *expected;
} more[] = {
	{ { .bind = NULL }, "", "127.0.0.1 5000 python/60000 python/60001 kaggle/60002" },
	{ { .bind = "0.0.0.0", .manager_port = 60003 }, "", "0.0.0.0 60003 python/60000 python/60001 kaggle/60002" },
	{ { .bind = "0:0::1" }, "", "[::1] 5000 python/60000 python/60001 kaggle/60002" },
	{ { .images = (const char *const[]){ "kaggle=r.example/k:1" }, .n_images = 1 }, "",
	    "127.0.0.1 5000 python/60000 python/60001 r.example/k:1/60002" },
	{ { .gpu_ids = "3,1" }, "", "127.0.0.1 5000 python/60000/3 python/60001/1 kaggle/60002" },
	{ { .no_egress = true, .manager_port = 60001 }, "", "127.0.0.1 60001 python/0 python/0 kaggle/0" },
	{ { .runtime = "io.containerd.runsc.v1" }, "DEBUG=,LOG_LEVEL=,WORK_DIR=/x,WORKSPACE_FOLDER=/y,SUBMISSION_DIR=/z,"
	    "NVIDIA_VISIBLE_DEVICES=all", "127.0.0.1 5000 python/60000 python/60001 kaggle/60002" },

	{ { .manager_port = 60001 }, "", "--start-port 60000: the ports 60000 to 60002 include the manager's, 60001" },
	{ { .bind = "" }, "", "--bind : must be an IPv4 or IPv6 address" },
	{ { .bind = "localhost" }, "", "--bind localhost: must be an IPv4 or IPv6 address" },
	{ { .bind = "127.1" }, "", "--bind 127.1: must be an IPv4 or IPv6 address" },
	{ { .bind = "[::1]" }, "", "--bind [::1]: must be an IPv4 or IPv6 address" },
	{ { .bind = "fe80::1%eth0" }, "", "--bind fe80::1%eth0: must be an IPv4 or IPv6 address" },
	{ { .images = (const char *const[]){ "x" }, .n_images = 1 }, "", "--image x: must be TYPE=REF" },
	{ { .images = (const char *const[]){ "r=x" }, .n_images = 1 }, "",
	    "--image r=x: --types python:2,kaggle:1 has no such type" },
	{ { .images = (const char *const[]){ "pytho=x" }, .n_images = 1 }, "",
	    "--image pytho=x: --types python:2,kaggle:1 has no such type" },
	{ { .images = (const char *const[]){ "=x" }, .n_images = 1 }, "", "--image =x: --types python:2,kaggle:1 has no such type" },
	{ { .images = (const char *const[]){ "python=" }, .n_images = 1 }, "",
	    "--image python=: not the name of an image, such as registry.example/team/python:3" },
	{ { .images = (const char *const[]){ "python=a", "kaggle=b", "python=a" }, .n_images = 3 }, "",
	    "--image python=a: the type has an image already" },
	{ { .manager_image = "" }, "", "--manager-image : not the name of an image" },
	{ { .manager_image = "A b" }, "", "--manager-image A b: not the name of an image" },
	{ { .runtime = "" }, "", "--runtime : a runtime has only letters, digits, '.', '_', '-' and '/'" },
	{ { .runtime = "a b" }, "", "--runtime a b: a runtime has only letters, digits, '.', '_', '-' and '/'" },
	{ { .gpu_ids = "0,1,2,3" }, "", "--gpu-ids 0,1,2,3: that is 4 GPUs for 3 executors" },
	{ { .gpu_ids = "0,0" }, "", "--gpu-ids 0: the GPU is named twice" },
	{ { .runtime = NULL }, "PORT=1",
	    "--env PORT=1: an executor listens on 8432 in its container; --start-port chooses the host's ports" },
	{ { .runtime = NULL }, "ALLOW_FROM=x", "--env ALLOW_FROM=x: nobody but the manager may call an executor" },
	{ { .runtime = NULL }, "CONTAINER_CONFIG_PATH=/x",
	    "--env CONTAINER_CONFIG_PATH=/x: the manager's configuration is chosen by --config-file" },
	{ { .submissions = true }, "SUBMISSION_DIR=/x", "--env SUBMISSION_DIR=/x: --mountable-volume-saveto sets it" },
	{ { .gpu_ids = "0" }, "NVIDIA_VISIBLE_DEVICES=all", "--env NVIDIA_VISIBLE_DEVICES=all: --gpu-ids sets it" },
	{ { .runtime = NULL }, "LOG_LEVEL=trace",
	    "--env LOG_LEVEL=trace: the manager gets it too and knows error, warning, info and debug" },
	{ { .runtime = NULL }, "DEBUG=app:*", "--env DEBUG=app:*: the manager gets it too and knows true and false" },
	{ { .runtime = NULL }, "CPUS=0", "--env CPUS=0: must be 0.01 to 1024" },
};

static void
describe(const struct plan_options *o, struct buf *out)
{
	struct plan p = PLAN_INIT;
	int r = plan_build(o, &p, out);

	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		return;
	}
	buf_printf(out, "%zu:", p.n);
	for (size_t i = 0; i < p.types.n; i++)
		buf_printf(out, " %s*%d", p.types.item[i].name, p.types.item[i].count);
	buf_printf(out, " %d-%d", p.executor[0].port, p.executor[p.n - 1].port);
	plan_release(&p);
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct plan_options o = { .types = cases[i].types, .count = cases[i].count, .start_port = cases[i].start_port,
			.config_path = "./c.json" };
		struct buf out = BUF_INIT;

		describe(&o, &out);
		assert_string_equal(buf_str(&out), cases[i].expected);
		buf_release(&out);
	}
}

static void
describe_more(const struct plan_options *o, struct buf *out)
{
	struct plan p = PLAN_INIT;
	int r = plan_build(o, &p, out);

	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		return;
	}
	buf_printf(out, "%s %d", p.bind, p.manager_port);
	for (size_t i = 0; i < p.n; i++)
		buf_printf(out, " %s/%d%s%s", p.executor[i].image, p.executor[i].port, p.executor[i].gpu != NULL ? "/" : "",
		    p.executor[i].gpu != NULL ? p.executor[i].gpu : "");
	plan_release(&p);
}

static void
test_more_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		struct plan_options o = more[i].o;
		struct env env = ENV_INIT;
		struct buf out = BUF_INIT;

		o.types = "python:2,kaggle:1";
		o.start_port = 60000;
		o.env = &env;
		if (*more[i].env != '\0')
			assert_int_equal(env_parse_list(&env, more[i].env, &out), 0);
		describe_more(&o, &out);
		assert_string_equal(buf_str(&out), more[i].expected);
		env_release(&env);
		buf_release(&out);
	}
}

static void
test_the_place_of_submissions(void **state)
{
	struct plan_options o = { .types = "python:1", .start_port = 60000 };
	struct volumes v = VOLUMES_INIT;
	struct plan p = PLAN_INIT;
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(volumes_parse(&v, "d:/submission", &why), 0);
	o.volumes = &v;
	assert_int_equal(plan_build(&o, &p, &why), 0);
	plan_release(&p);
	o.submissions = true;
	assert_int_equal(plan_build(&o, &p, &why), -EINVAL);
	assert_string_equal(buf_str(&why),
	    "--mountable-volumes d:/submission: that is the place of --mountable-volume-saveto");
	volumes_release(&v);
	buf_release(&why);
}

/* At most four checks a second, none of an executor more often than each 5 s. */
static void
test_checks(void **state)
{
	static const struct { int n, seconds; } sizes[] = { { 1, 5 }, { 20, 5 }, { 21, 6 }, { 100, 25 }, { 1000, 250 } };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct plan_options o = { .types = "python", .count = sizes[i].n, .start_port = 60000 };
		struct plan p = PLAN_INIT;
		struct buf why = BUF_INIT;

		assert_int_equal(plan_build(&o, &p, &why), 0);
		assert_int_equal(p.check_seconds, sizes[i].seconds);
		plan_release(&p);
	}
}

static void
test_who_is_told(void **state)
{
	(void)state;
	assert_true(plan_tells_executors("A") && !plan_tells_manager("A"));
	assert_true(plan_tells_executors("DEBUG") && plan_tells_manager("DEBUG"));
	assert_true(plan_tells_executors("LOG_LEVEL") && plan_tells_manager("LOG_LEVEL"));
	assert_false(plan_tells_executors("MEM_LIMIT") || plan_tells_executors("CPUS") || plan_tells_executors("MEM_RESERVATION"));
}

static void
test_names_and_configuration(void **state)
{
	struct plan_options o = { .types = "python:1,r:1", .start_port = 60000, .config_path = "./c.json" };
	struct plan p = PLAN_INIT;
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(plan_build(&o, &p, &out), 0);
	assert_string_equal(p.executor[1].name, "executor-001");
	assert_string_equal(p.executor[1].image, "r");
	assert_string_equal(p.bind, "127.0.0.1");
	plan_format_config(&p, &out);
	assert_string_equal(buf_str(&out), "{\n\"0\":{\"url\":\"http://executor-000:8432\",\"type\":\"python\"},\n"
	    "\"1\":{\"url\":\"http://executor-001:8432\",\"type\":\"r\"}\n}\n");
	buf_release(&out);
	plan_release(&p);
	plan_release(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_more_options),
		cmocka_unit_test(test_the_place_of_submissions),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_who_is_told),
		cmocka_unit_test(test_names_and_configuration),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
