//go:build !linux

package diagnose

import "syscall"

// canShrinkSegments says whether the size of TCP segments can be limited here.
const canShrinkSegments = false

func shrinkSegments(_, _ string, _ syscall.RawConn) error { return nil }
