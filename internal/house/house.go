// Package house has no code, only tests: the rules of the house that a
// compiler does not know. Which package may import which, and what no code
// here does. They read the source and nothing else.
package house
