package connect

// The opcodes of RFC 4254 section 8 that are no flag and no character.
const (
	ttyOpEnd    = 0
	ttyOpISpeed = 128
	ttyOpOSpeed = 129
)

// ttyDisabled stands for a character that is switched off.
const ttyDisabled = 255
