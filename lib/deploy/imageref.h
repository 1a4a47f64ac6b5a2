/*
 * imageref - whether a text can name an image: [host[:port]/]path[:tag][@digest], the grammar of distribution's "reference"
 * package, which Docker asks of it.  Pure.
 */
#ifndef IMAGEREF_H
#define IMAGEREF_H

#include <stdbool.h>

bool	imageref_ok(const char *ref);

#endif
