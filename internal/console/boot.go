package console

import (
	"regexp"
	"slices"
	"strings"
)

// phase is how far a boot has come. A phase that comes again, or an earlier one
// after a later one, is the next boot.
type phase int8

const (
	nothing phase = iota
	firmware
	bootloader
	kernel
	userspace
)

// The first words of each phase. They are looked for anywhere in a line: they
// follow a prompt such as "web login: " that ended no line. A boot seen where
// there is none only loses host keys, one overseen would keep those of another boot.
var (
	firmwareMark   = mark{words: []string{"SeaBIOS (version", "UEFI firmware (version", "BdsDxe: "}}
	bootloaderMark = mark{words: []string{"GRUB loading", "Welcome to GRUB!", "GNU GRUB  version", "SYSLINUX ", "EXTLINUX ", "ISOLINUX "}}
	kernelMark     = mark{[]string{"Linux version ", "The FreeBSD Project."}, regexp.MustCompile(`Linux version \d|The FreeBSD Project\.`)}
	userspaceMark  = mark{words: []string{"Cloud-init v. ", "ci-info: ", "-----BEGIN SSH HOST KEY ", "-----END SSH HOST KEY ", "SSH host key: ", " login:"}}
)

// lastBoot gives the lines of the last boot; a log without marks is one boot.
func lastBoot(lines []line) []line {
	start, at := 0, nothing
	var first line // the line at start, without what an earlier boot wrote on it
	for i, l := range lines {
		reached, from := phaseOf(l.text)
		if reached == nothing {
			continue
		}
		if reached < at || reached == kernel && at == kernel {
			start, at = i, nothing
			first = newLine(l.text[from:])
		}
		at = max(at, reached)
	}
	if start == 0 {
		return lines
	}
	return slices.Concat([]line{first}, lines[start+1:])
}

// phaseOf gives the earliest phase that a line speaks of and where its words
// begin, with the kernel's time if that stands before them.
func phaseOf(text string) (phase, int) {
	for i, m := range []mark{firmwareMark, bootloaderMark, kernelMark, userspaceMark} {
		if at := m.index(text); at >= 0 {
			return phase(i + 1), withTime(text, at)
		}
	}
	return nothing, 0
}

func withTime(text string, at int) int {
	i := strings.LastIndexByte(text[:at], '[')
	if i >= 0 && len(printkTime.FindString(text[i:at])) == at-i {
		return i
	}
	return at
}
