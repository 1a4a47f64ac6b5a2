/*
 * replay - main() for a fuzz target that is built without libFuzzer: every file below the directories named is one input.
 * Include it once, after LLVMFuzzerTestOneInput().
 */
#ifndef REPLAY_H
#define REPLAY_H
#ifndef FUZZING

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

static unsigned replayed;

static int
replay_file(const char *path, const struct stat *st, int kind)
{
	struct buf b = BUF_INIT;

	(void)st;
	if (kind != FTW_F)
		return 0;
	if (buf_read_file(&b, path, 64 << 20) < 0) {
		fprintf(stderr, "replay: %s: cannot be read\n", path);
		return 1;
	}
	LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&b), b.len);
	buf_release(&b);
	replayed++;
	return 0;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (ftw(argv[i], replay_file, 16) != 0)
			return 1;
	printf("# %u inputs\n", replayed);
	return replayed > 0 ? 0 : 1;
}

#endif
#endif
