/*
 * child - start a process that does not outlive us: fork and exec by hand, since the death signal of Linux has to be set
 * between the two.  Source: prctl(2), PR_SET_PDEATHSIG.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_PASS_FD	3	/* where `pass` is found by the program */

/*
 * As root: before the program starts, its sources appear, bound read-write, at CHILD_STAGE/0, CHILD_STAGE/1, … in a mount
 * namespace of its own, and it becomes uid.  So an unprivileged bwrap can show what lies below a directory that only root
 * may enter, such as /root or our own run directory.
 */
#define CHILD_STAGE	"/run"

struct child_stage {
	uid_t		   uid;		/* and gid */
	const char *const *source;	/* files and directories; absolute */
	size_t		   n;
};

struct child_rlimit {
	int	resource;	/* RLIMIT_… */
	int64_t	value;		/* soft and hard */
};

struct child_spec {
	const char	*path;		/* the program, as exec takes it */
	char *const	*argv, *const *envp;
	const char	*cwd;		/* NULL: ours */
	int		 out, err;	/* become its stdout and stderr; -1: /dev/null */
	int		 pass;		/* becomes descriptor 3; -1: none */
	/*
	 * foreground: stdin, stdout, stderr and every other descriptor that our caller gave us stay as they are, and it joins
	 * the process group `group`, that of the terminal.  Otherwise: stdin is /dev/null, nothing else is inherited, and it
	 * leads a session of its own.
	 */
	bool		 foreground;
	pid_t		 group;
	const int	*enter;		/* descriptors of the control groups to be in, groups.h; NULL: ours */
	size_t		 nenter;
	const struct child_stage *stage;	/* NULL: none */
	const struct child_rlimit *rlimit;	/* set after the change of the user id, which some of them count by */
	size_t		 nrlimit;
	bool		 minded;	/* a process between us and the program ends all that the program leaves behind */
};

/* 0 once exec has succeeded; -errno of the step that failed, with its name in *ret_step (static text). */
int	child_start(const struct child_spec *spec, pid_t *ret_pid, const char **ret_step);

/* Wait for `pid` to end, or kill it after that many milliseconds.  Its wait status; -errno. */
int	child_wait(pid_t pid, int64_t timeout_ms);

/* A wait status as an exit status: 128 + n for a signal. */
int	child_exit_status(int status);

#endif
