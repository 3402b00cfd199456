// Package packaging has no code: what is in the packages, and the tests that
// hold it against what it is about. build.sh makes the packages, test.sh
// installs them into a clean Debian.
package packaging
