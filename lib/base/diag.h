/*
 * diag - what a program says to people, on stderr.
 * One message is one line: "program: subject: what is wrong[: system reason]", no full stop; bytes that are not
 * printable UTF-8 come out as \xNN, so that a message may quote what came from outside.  Never fails: a closed stderr
 * is ignored.
 */
#ifndef DIAG_H
#define DIAG_H

#include <sysexits.h>

enum diag_level { DIAG_ERROR, DIAG_WARN, DIAG_INFO, DIAG_DEBUG };

enum {				/* exit statuses that sysexits.h has no name for */
	EX_NO        = 1,	/* the answer is no: the code raised, not ready */
	EX_TIMEDOUT  = 124,	/* the code ran out of time, as timeout(1) says it */
	EX_NOEXEC    = 126,	/* CMD was found but could not be run */
	EX_NOTFOUND  = 127,	/* CMD was not found */
	EX_DIED      = 137,	/* the kernel died under the code */
};

/* First act of a program.  Messages beyond `most` are dropped.  Of descriptors 0 to 2, those that are closed stay unusable. */
void	diag_init(const char *program, enum diag_level most);
void	diag_set_level(enum diag_level most);
int	diag_parse_level(const char *name, enum diag_level *ret_level);	/* error warning info debug; -EINVAL */
void	diag(enum diag_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Say it and return `ex`:  return diag_fail(EX_DATAERR, "%s: not a list", path); */
int	diag_fail(int ex, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	diag_die(int ex, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
/* The last act of a command: flush stdout; what did not reach it turns a success into 74 with a message. */
int	diag_close_stdout(int ex);

#endif
