//go:build !linux && !darwin

package demo

import (
	"errors"
	"os"
)

const hasPTY = false

func openPTY() (master, slave *os.File, err error) { return nil, nil, errors.ErrUnsupported }

func setSize(*os.File, windowChange) {}

func setModes(*os.File, map[byte]uint32) {}
