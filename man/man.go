// Package man holds the manual: its source, NAME.SECTION.md, the pages made of
// it by go-md2man, and the tests that hold both against the program.
//
//	make man                  the pages, from their sources
//	go test ./man -update     the same
package man
