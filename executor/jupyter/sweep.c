/* sweep - what a kernel has left in directories is removed; see sweep.h. */
#include <errno.h>

#include "base/diag.h"
#include "scratch.h"
#include "sweep.h"

static void
forget(struct sweep *s)
{
	buf_reset(&s->old_work);
	for (size_t i = 0; s->kept[i]; i++) {
		free(s->kept[i]);
		s->kept[i] = NULL;
	}
}

void
sweep_release(struct sweep *s)
{
	forget(s);
	buf_release(&s->old_work);
}

void
sweep_go(struct sweep *s, const char *dir)
{
	if (!dir)
		return;
	buf_reset(&s->old_work);
	buf_puts(&s->old_work, dir);
}

void
sweep_keep(struct sweep *s, const char *dir)
{
	size_t n = 0;

	while (s->kept[n])
		n++;
	if (dir && n < SWEEP_KEPT_MAX)
		s->kept[n] = strdup(dir);
}

static void
empty_dir(const struct sweep *s, const char *path)
{
	int err = scratch_empty(path, (const char *const *)s->kept);

	if (err < 0)		/* a mount point stays */
		diag(err == -EBUSY ? DIAG_DEBUG : DIAG_WARN, "%s: cannot be emptied: %s", path, strerror(-err));
}

void
sweep_restore(const struct sweep *s)
{
	int err;

	if ((err = scratch_restore(s->runtime_dir)) < 0)
		diag(DIAG_WARN, "%s: %s", s->runtime_dir, strerror(-err));
	if ((err = scratch_restore(s->work_base)) < 0)
		diag(DIAG_WARN, "%s: %s", s->work_base, strerror(-err));
}

static void
sweep(const struct sweep *s)
{
	const char *p = s->scratch, *end;
	struct buf dir = BUF_INIT;
	int err;

	if (s->old_work.len > 0 && (err = scratch_remove(buf_str(&s->old_work))) < 0)
		diag(DIAG_WARN, "%s: cannot be removed: %s", buf_str(&s->old_work), strerror(-err));
	for (; p && *p; p = *end ? end + 1 : end) {
		end = p + strcspn(p, ":");
		buf_reset(&dir);
		buf_add(&dir, p, (size_t)(end - p));
		if (dir.len > 0)
			empty_dir(s, buf_str(&dir));
	}
	buf_release(&dir);
	empty_dir(s, s->runtime_dir);
	sweep_restore(s);		/* a working directory may have been below what was emptied */
}

/* The private directory itself is never what is removed from a scratch directory. */
static void
begin(struct sweep *s)
{
	sweep_keep(s, s->runtime_dir);
}

void
sweep_now(struct sweep *s)
{
	begin(s);
	sweep(s);
	forget(s);
}

static void
on_work(uv_work_t *work)
{
	sweep(work->data);
}

static void
on_worked(uv_work_t *work, int status)
{
	struct sweep *s = work->data;

	(void)status;
	forget(s);
	s->on_done(s->arg);
}

void
sweep_start(struct sweep *s, uv_loop_t *loop)
{
	begin(s);
	s->work.data = s;
	if (uv_queue_work(loop, &s->work, on_work, on_worked) < 0) {
		sweep(s);
		on_worked(&s->work, 0);
	}
}
