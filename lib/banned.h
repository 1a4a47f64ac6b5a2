/*
 * banned - calls that have a better way here; included before every source file.
 * Use buf_*, snprintf and opt's or uri's checked number parsing.
 */
#ifndef BANNED_H
#define BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll gets system

#endif
