//go:build unix

package sshconfig

import "testing"

func TestSoleMember(t *testing.T) {
	const passwd = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\nyou:x:1001:100::/:/bin/sh\nthey:x:1002:100::/:/bin/sh\n\nbad line\n"
	const group = "root:x:0:\nme:x:1000:\nusers:x:100:\ndisk:x:6:\nmine:x:7:me\nours:x:8:me,you\nyours:x:9:you\n"
	for gid, want := range map[int]bool{1000: true, 100: false, 6: false, 7: true, 8: false, 9: false, 77: false, 0: false} {
		if got := soleMember(passwd, group, gid, 1000); got != want {
			t.Errorf("gid %d: %v", gid, got)
		}
	}
}
