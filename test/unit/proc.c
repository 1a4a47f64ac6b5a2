/* proc - what is below a process can be found and ended, wherever it hid. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/proc.h"

/* A child that forks a grandchild in a session of its own; each writes a byte when it stands, then sleeps. */
static pid_t
family(int ready[2], bool leave)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0) {
			setsid();
			if (write(ready[1], "g", 1) != 1)
				_exit(1);
			pause();
			_exit(0);
		}
		if (leave)
			_exit(0);
		if (write(ready[1], "c", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	return pid;
}

static int
reap_all(void)
{
	int n = 0;

	while (waitpid(-1, NULL, 0) > 0)
		n++;
	return n;
}

static void
a_tree_is_ended_whole(void **state)
{
	int ready[2];
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = family(ready, false);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(proc_signal_tree(pid, 0, NULL, 0), 2);
	assert_int_equal(proc_kill_tree(pid, NULL, 0), 0);
	assert_int_equal(reap_all(), 2);
	close(ready[0]);
	close(ready[1]);
}

static void
orphans_come_to_the_subreaper(void **state)
{
	int ready[2];
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = family(ready, true);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(proc_signal_tree(getpid(), 0, NULL, 0), 1);
	assert_int_equal(proc_kill_tree(getpid(), NULL, 0), 0);
	assert_int_equal(reap_all(), 1);
	close(ready[0]);
	close(ready[1]);
}

static void
what_is_spared_stays_with_all_below_it(void **state)
{
	int ready[2];
	char c;
	pid_t one, two;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	one = family(ready, false);
	two = family(ready, false);
	for (int i = 0; i < 4; i++)
		assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(proc_signal_tree(getpid(), 0, &two, 1), 2);
	assert_int_equal(proc_kill_tree(getpid(), &two, 1), 0);
	assert_int_equal(waitpid(one, NULL, 0), one);
	assert_int_equal(proc_signal_tree(two, 0, NULL, 0), 2);
	assert_int_equal(proc_kill_tree(two, NULL, 0), 0);
	assert_int_equal(reap_all(), 3);
	close(ready[0]);
	close(ready[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_is_ended_whole),
		cmocka_unit_test(orphans_come_to_the_subreaper),
		cmocka_unit_test(what_is_spared_stays_with_all_below_it),
	};

	if (proc_become_subreaper() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
