/* hold - allocations that this process owes back; see hold.h. */
#include <errno.h>
#include <unistd.h>

#include "base/diag.h"
#include "client/hold.h"

int
hold_begin(struct hold *h, struct api *api)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction now;

	h->api = api;
	sigemptyset(&h->watched);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&h->watched, ends[i]);
	sigaction(SIGPIPE, &ignore, &h->pipe_before);
	sigprocmask(SIG_BLOCK, &h->watched, &h->mask_before);
	h->fd = signalfd(-1, &h->watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->fd < 0)
		return -errno;
	api_watch(api, h->fd);
	return 0;
}

void
hold_note_signal(struct hold *h, int signo)
{
	h->signo = signo;
}

bool
hold_next_signal(struct hold *h, struct signalfd_siginfo *ret)
{
	return h->fd >= 0 && read(h->fd, ret, sizeof *ret) == (ssize_t)sizeof *ret;
}

int
hold_take(struct hold *h, const char *type, int64_t wait_ms, struct api_answer *ret)
{
	int *more = realloc(h->id, (h->n + 1) * sizeof *more), id, r;

	if (more == NULL)
		diag_die(EX_OSERR, "out of memory");
	h->id = more;
	r = api_allocate(h->api, type, wait_ms, ret, &id);
	if (id >= 0)
		h->id[h->n++] = id;
	return r;
}

void
hold_keep(struct hold *h)
{
	h->n = 0;
}

/* Note the signals that made a call return -EINTR. */
static void
note_pending(struct hold *h)
{
	struct signalfd_siginfo si;

	while (hold_next_signal(h, &si))
		hold_note_signal(h, (int)si.ssi_signo);
}

static int
give_back(struct hold *h, int ex)
{
	for (size_t i = 0; i < h->n; i++) {
		int r = api_deallocate(h->api, h->id[i]);

		if (r == -EINTR) {
			note_pending(h);
			diag(DIAG_ERROR, "container %d: interrupted while it was being released", h->id[i]);
			return ex;
		}
		if (r == EX_NOPERM)		/* not allocated any more: somebody was faster */
			diag(DIAG_WARN, "%s", api_error(h->api));
		else if (r != 0) {
			diag(DIAG_ERROR, "container %d could not be released: %s", h->id[i], api_error(h->api));
			if (ex == 0)
				ex = r;
		}
	}
	return ex;
}

/* End as the signal would have ended us at once: a shell's loop stops on that, not on a status. */
static void
die_by(int signo)
{
	const struct sigaction normal = { .sa_handler = SIG_DFL };
	sigset_t only;

	sigaction(signo, &normal, NULL);
	sigemptyset(&only);
	sigaddset(&only, signo);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
}

int
hold_end(struct hold *h, int ex)
{
	if (h->fd < 0) {
		free(h->id);
		return ex;
	}
	note_pending(h);
	ex = give_back(h, ex);
	note_pending(h);
	api_watch(h->api, -1);
	close(h->fd);
	h->fd = -1;
	free(h->id);
	h->id = NULL;
	h->n = 0;
	sigaction(SIGPIPE, &h->pipe_before, NULL);
	if (h->signo != 0)
		die_by(h->signo);
	sigprocmask(SIG_SETMASK, &h->mask_before, NULL);
	return ex;
}
