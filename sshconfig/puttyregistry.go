package sshconfig

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// puttyRegistry is where PuTTY keeps its sessions on Windows.
const puttyRegistry = `HKEY_CURRENT_USER\Software\SimonTatham\PuTTY\Sessions\`

// PuTTYRegistryName is the name of a session's key in Windows' registry:
// blanks, controls, "\*?%", what is not ASCII and a leading dot as %XX
// (escape_registry_key of PuTTY).
func PuTTYRegistryName(session string) string {
	return percent(session, func(at int, c byte) bool {
		return c > ' ' && c <= '~' && strings.IndexByte(`\*?%`, c) < 0 && (c != '.' || at > 0)
	})
}

// Registry gives the session as a .reg file that Windows' reg import reads:
// UTF-16 with a byte order mark. What it does not name stays as it is. PuTTY
// reads names in the code page of the machine, so a name must be ASCII here.
// Errors: *PuTTYNameError, *PuTTYValueError.
func (s PuTTYSession) Registry(name string) ([]byte, error) {
	key := PuTTYRegistryName(name)
	foreign := strings.ContainsFunc(name, func(r rune) bool { return r > '~' })
	if name == "" || foreign || len(key) > maxPuTTYName {
		return nil, &PuTTYNameError{Name: name}
	}
	settings, err := s.settings()
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Windows Registry Editor Version 5.00\r\n\r\n[%s%s]\r\n", puttyRegistry, key)
	for _, setting := range settings {
		fmt.Fprintf(&text, "%s=%s\r\n", registryString(setting.key), setting.registryValue())
	}
	text.WriteString("\r\n")
	return inUTF16(text.String()), nil
}

func (s puttySetting) registryValue() string {
	if s.value == "" {
		return "-" // deletes the value
	}
	if number, err := strconv.Atoi(s.value); s.number && err == nil {
		return fmt.Sprintf("dword:%08x", number)
	}
	return registryString(s.value)
}

func registryString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func inUTF16(text string) []byte {
	encoded := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		encoded = binary.LittleEndian.AppendUint16(encoded, unit)
	}
	return encoded
}
