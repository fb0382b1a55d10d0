package console

import (
	"regexp"
	"strings"
)

// stage is how far a boot has come. A stage that comes again, or an earlier
// one after a later one, is the next boot.
type stage int8

const (
	nothing stage = iota
	firmware
	bootloader
	kernel
	userspace
)

// The first words of each stage. They are looked for anywhere in a line: they
// follow a prompt such as "web login: " that ended no line. A boot seen where
// there is none only loses host keys, one overseen would keep those of another boot.
var stages = []struct {
	stage stage
	words *regexp.Regexp
}{
	{firmware, regexp.MustCompile(`SeaBIOS \(version|UEFI firmware \(version|BdsDxe: `)},
	{bootloader, regexp.MustCompile(`GRUB loading|Welcome to GRUB!|GNU GRUB  version|(?:SYS|EXT|ISO)LINUX \d`)},
	{kernel, regexp.MustCompile(`Linux version \d|The FreeBSD Project\.`)},
	{userspace, regexp.MustCompile(`Cloud-init v\. |ci-info: |-----(?:BEGIN|END) SSH HOST KEY |SSH host key: | login:`)},
}

// lastBoot gives the lines of the last boot; a log without marks is one boot.
func lastBoot(lines []line) []line {
	start, at := 0, nothing
	var first line // the line at start, without what an earlier boot wrote on it
	for i, l := range lines {
		reached, from := stageOf(l.text)
		if reached == nothing {
			continue
		}
		if reached < at || reached == kernel && at == kernel {
			start = i
			first = line{text: l.text[from:], uptime: l.uptime}
			at = nothing
		}
		at = max(at, reached)
	}
	if start == 0 {
		return lines
	}
	out := append([]line{first}, lines[start+1:]...)
	return out
}

// stageOf gives the earliest stage that a line speaks of and where its words begin.
func stageOf(text string) (stage, int) {
	for _, s := range stages {
		if at := s.words.FindStringIndex(text); at != nil {
			return s.stage, lineStart(text, at[0])
		}
	}
	return nothing, 0
}

// lineStart takes the kernel's time along, where it stands before the words.
func lineStart(text string, at int) int {
	if i := strings.LastIndexByte(text[:at], '['); i >= 0 && printkTime.FindString(text[i:at]) == text[i:at] {
		return i
	}
	return at
}
