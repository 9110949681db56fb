/* The client in C, as build_scripts/amalgamate.py writes it: `make amalgamate`. */
#include "flight.c"
