/*
 * kernel - one kernel incarnation: from its start through readiness to its end.
 * Ready means: it answered kernel_info on shell, one message was seen on iopub (so that none will be missed), its own
 * preparations have run, and so have the files of the workspace.  Then it runs one request at a time.  A request is done when
 * its execute_reply and its idle have both come; where one of them fails to come, when the kernel has been quiet for a
 * while.  However it ends, on_gone is called once, and the kernel does nothing any more.
 * Source: Jupyter messaging specification 5.x.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/json.h"
#include "forkserver.h"
#include "kernelspec.h"
#include "outputs.h"

#define KERNEL_DIRS 3

struct kernel;

struct kernel_conf {
	uv_loop_t	*loop;
	const struct kernelspec *spec;
	const char	*runtime_dir, *work_base;
	const char	*workspace;	/* NULL: none */
	unsigned	 serial;	/* of all starts of this executor */
	bool		 use_ipc;
	struct rlimit	 nofile;	/* the kernel's limit of descriptors */
	struct forkserver *server;	/* where it is forked, if it can be; NULL: it is started by itself */
	bool		 is_spare;	/* ready, it waits for kernel_take_over() */
	int		 nice;		/* until then; 0: as this process */
	int		 work_nice;	/* when it is at work: above this process's */
	int64_t		 start_ms;	/* until it must be ready */
	void		*arg;
	void	(*on_ready)(void *arg);
	void	(*on_output)(void *arg, struct json type, struct json content);	/* iopub, for the request that runs */
	void	(*on_bytes)(void *arg, enum outputs_stream name, const char *bytes, size_t len);	/* its descriptors 1, 2 */
	void	(*on_input)(void *arg, struct json content);	/* the request wants a line: kernel_input() */
	void	(*on_done)(void *arg, const struct json *reply);	/* content of the reply, NULL: none came */
	void	(*on_gone)(void *arg, const char *why);	/* a sentence without its full stop */
};

/* What the kernel says of itself (kernel_info_reply); "" until it did. */
struct kernel_info {
	char	language[64], extension[16], implementation[64], protocol[16];
};

/* 0; -errno with a sentence in why. */
int	kernel_start(const struct kernel_conf *conf, struct kernel **ret, struct buf *why);
/* Let go of it: its sockets and pipes are closed, the process gets SIGKILL; not yet its descendants. */
void	kernel_free(struct kernel **k);

/*
 * A spare becomes the kernel that conf says (its callbacks, their argument, the time it has): on_ready or on_gone follows.  Nothing
 * of another kernel's code runs any more.  0; -errno: it cannot, and is to be freed.
 */
int	kernel_take_over(struct kernel *k, const struct kernel_conf *conf);

/* Of the process that waitpid(2) has just reaped. */
void	kernel_exited(struct kernel *k, int wait_status);

/* Run code: content of an execute_request (taken over, reset).  Only when ready and nothing runs.  0, -errno. */
int	kernel_execute(struct kernel *k, struct buf *content);
/* The same with a question: type "complete_request" and the like.  It is done with its reply. */
int	kernel_ask(struct kernel *k, const char *type, struct buf *content);
/* The reply is not waited for any more. */
void	kernel_forget(struct kernel *k);
/* Interrupt what runs, once it has begun so that the interrupt is not lost. */
void	kernel_interrupt(struct kernel *k);
/*
 * Stop the process, and read nothing more of what it has sent, so that nothing is lost and nothing piles up here; or let it go
 * on.  An interrupt does not reach it meanwhile.
 */
void	kernel_hold(struct kernel *k, bool hold);
/* Answer an input request; text NULL: end of file. */
void	kernel_input(struct kernel *k, const char *text, size_t len);

/* How long it is to be left alone before it gets the next request, as some want after an error; 0: not at all. */
int64_t	kernel_rest_ms(const struct kernel *k);
pid_t	kernel_pid(const struct kernel *k);		/* 0: not there yet */
bool	kernel_was_forked(const struct kernel *k);
const struct kernel_info *kernel_info(const struct kernel *k);
const char *kernel_phase(const struct kernel *k);	/* what a start is waiting for, in words */
const char *kernel_log(const struct kernel *k);		/* the end of what it wrote while nothing ran */
uint64_t kernel_refused(const struct kernel *k);	/* wrong messages dropped */
size_t	kernel_left_out(const struct kernel *k);	/* files of the workspace that raised */
/* Its directories that are there, or about to be; NULL: fewer. */
void	kernel_dirs(const struct kernel *k, const char *ret[KERNEL_DIRS]);
/* Its working directory, to be removed when all its processes are gone; NULL where there is none. */
const char *kernel_work_dir(const struct kernel *k);

#endif
