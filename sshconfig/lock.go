package sshconfig

import (
	"fmt"
	"time"
)

// lockTimeout is how long a writer waits for another one: each holds the lock
// for one small file only.
const lockTimeout = 5 * time.Second

// LockedError is a file whose lock another process did not give up in time.
type LockedError struct{ Path string }

func (e *LockedError) Error() string { return fmt.Sprintf("%s is locked by another process", e.Path) }

// withLock runs do while no other osssh writes the file at path.
func withLock(path string, do func() error) error {
	for deadline := time.Now().Add(lockTimeout); ; time.Sleep(10 * time.Millisecond) {
		unlock, err := tryLock(path)
		if err != nil {
			return err
		}
		if unlock != nil {
			defer unlock()
			return do()
		}
		if time.Now().After(deadline) {
			return &LockedError{Path: path}
		}
	}
}
