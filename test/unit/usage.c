/* usage - times and peaks, from texts of proc(5) and from a process of its own. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../executor/jupyter/usage.h"

static void
texts_are_read_whatever_the_name_holds(void **state)
{
	(void)state;
	assert_int_equal(usage_parse_children("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 20"), 27);
	assert_int_equal(usage_parse_children("7 (python3) R 1 1 1 0 -1 4194304 1 1 1 1 5 6 100 23 20 0"), 123);
	assert_int_equal(usage_parse_children("7 (x) S 1 2 3"), -1);
	assert_int_equal(usage_parse_children(""), -1);
	assert_int_equal(usage_parse_peak("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t    5120 kB\nVmRSS:\t 1 kB\n"), 5120 * 1024);
	assert_int_equal(usage_parse_peak("Name:\tVmHWM: 1 kB\n"), -1);
	assert_int_equal(usage_parse_peak(""), -1);
}

/* A child that waits at first, then touches 64 MiB and works for a while, then waits again. */
static pid_t
start(int *to, int *from)
{
	int in[2], out[2];
	pid_t pid;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		volatile unsigned n = 0;
		char c, *p;

		close(in[1]);
		close(out[0]);
		while (read(in[0], &c, 1) == 1) {
			p = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			memset(p, 1, 64 << 20);
			for (unsigned i = 0; i < 50000000; i++)
				n += i;
			n += (unsigned char)p[n % (64 << 20)];
			munmap(p, 64 << 20);
			if (write(out[1], "", 1) < 0)
				break;
		}
		_exit(0);
	}
	close(in[0]);
	close(out[1]);
	*to = in[1];
	*from = out[0];
	return pid;
}

static void
a_process_that_works_is_measured_and_one_that_is_gone_is_unknown(void **state)
{
	struct usage u = USAGE_INIT;
	int64_t cpu, peak;
	int to, from;
	pid_t pid;
	char c;

	(void)state;
	pid = start(&to, &from);
	usage_begin(&u, pid);
	usage_end(&u, &cpu, &peak);
	assert_in_range(cpu, 0, 50000000);
	usage_begin(&u, pid);
	assert_int_equal(write(to, "", 1), 1);
	assert_int_equal(read(from, &c, 1), 1);
	usage_end(&u, &cpu, &peak);
	assert_in_range(cpu, 10000000, 60000000000);
	assert_true(peak >= 64 << 20);
	usage_begin(&u, pid);			/* the memory went back: its peak is not this one's */
	usage_end(&u, &cpu, &peak);
	assert_true(peak < 64 << 20);
	close(to);
	waitpid(pid, NULL, 0);
	usage_end(&u, &cpu, &peak);
	assert_int_equal(cpu, -1);
	assert_int_equal(peak, -1);
	usage_begin(&u, pid);
	usage_end(&u, &cpu, &peak);
	assert_int_equal(cpu, -1);
	usage_release(&u);
	close(from);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_whatever_the_name_holds),
		cmocka_unit_test(a_process_that_works_is_measured_and_one_that_is_gone_is_unknown),
	};

	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
