// Package diagnose says why a login to a server fails. Gather asks, bounded in
// time and changing nothing; Explain, a pure function, turns the facts into the
// path from here to the shell and into ranked causes. Every cause is one entry
// of one table.
package diagnose
