/* gpus - what a list of GPUs may say, as cases: input, then the ids or the complaint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "deploy/gpus.h"

#define UUID	"8f2ba1a5-0c3d-4e5f-8a9b-0123456789ab"
#define UPPER	"8F2BA1A5-0C3D-4E5F-8A9B-0123456789AB"
#define WHAT	": a GPU is a number, or a UUID such as nvidia-smi -L prints"

static const struct {
	const char *text, *expected;
} cases[] = {
	{ "0", "0;" },
	{ "0,1,2,3", "0;1;2;3;" },
	{ "3,0,10", "3;0;10;" },
	{ "9999", "9999;" },
	{ "GPU-" UUID ",1,MIG-" UUID, "GPU-" UUID ";1;MIG-" UUID ";" },
	{ "", "--gpu-ids " WHAT },
	{ "0,", "--gpu-ids " WHAT },
	{ ",0", "--gpu-ids " WHAT },
	{ "0,,1", "--gpu-ids " WHAT },
	{ "0 ,1", "--gpu-ids 0 " WHAT },
	{ "-1", "--gpu-ids -1" WHAT },
	{ "01", "--gpu-ids 01" WHAT },
	{ "1.0", "--gpu-ids 1.0" WHAT },
	{ "10000", "--gpu-ids 10000" WHAT },
	{ "all", "--gpu-ids all" WHAT },
	{ "GPU-", "--gpu-ids GPU-" WHAT },
	{ "GPU-" UUID "0", "--gpu-ids GPU-" UUID "0" WHAT },
	{ "GPU-8f2ba1a5_0c3d-4e5f-8a9b-0123456789ab", "--gpu-ids GPU-8f2ba1a5_0c3d-4e5f-8a9b-0123456789ab" WHAT },
	{ "GPU-8f2ba1ag-0c3d-4e5f-8a9b-0123456789ab", "--gpu-ids GPU-8f2ba1ag-0c3d-4e5f-8a9b-0123456789ab" WHAT },
	{ UUID, "--gpu-ids " UUID WHAT },
	{ "0,1,0", "--gpu-ids 0: the GPU is named twice" },
	{ "GPU-" UUID ",GPU-" UPPER, "--gpu-ids GPU-" UPPER ": the GPU is named twice" },
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gpus g = GPUS_INIT;
		struct buf out = BUF_INIT;
		int r = gpus_parse(cases[i].text, &g, &out);

		if (r < 0) {
			assert_int_equal(r, -EINVAL);
			assert_null(g.item);		/* written only on success */
		}
		for (size_t k = 0; k < g.n; k++)
			buf_printf(&out, "%s;", g.item[k].id);
		assert_string_equal(buf_str(&out), cases[i].expected);
		gpus_release(&g);
		buf_release(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests_name("gpus", tests, NULL, NULL);
}
