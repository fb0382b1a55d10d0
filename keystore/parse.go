package keystore

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"strings"
	"unicode/utf16"
)

// Parse reads the content of one key file, at most 1 MiB: any private key format, an
// authorized_keys line, or RFC 4716. What a text editor does to a file is
// forgiven: a byte order mark, UTF-16, CRLF, text around the armour, no last
// newline. Errors: ErrNotKey, *CorruptError, *UnsupportedError, *LimitError.
func Parse(data []byte) (*File, error) {
	if err := limit("key file", uint64(len(data)), maxFile, "bytes"); err != nil {
		return nil, err
	}
	text, strange := plainText(data)
	switch {
	case bytes.HasPrefix(text, []byte(ppkBegin)):
		return parsePPK(text)
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return parseArmour(data, text, strange)
	case bytes.Contains(text, []byte(ssh2Begin)):
		return parseRFC4716(text)
	case bytes.Contains(text, []byte("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----")):
		return nil, &UnsupportedError{What: "ssh.com private key", Why: "convert it with puttygen"}
	case bytes.HasPrefix(text, []byte("SSH PRIVATE KEY FILE FORMAT 1.1\n")):
		return nil, &UnsupportedError{What: "SSH-1 private key", Why: "SSH-1 is gone"}
	}
	return parsePublicLine(text)
}

// plainText takes off what editors and shells put on: byte order marks, UTF-16
// (a redirection in PowerShell) and other line ends than LF. strange says
// that OpenSSL would not read it so: it takes CRLF and a UTF-8 mark.
func plainText(data []byte) (text []byte, strange bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")):
		text = data[3:]
	case bytes.HasPrefix(data, []byte("\xFF\xFE")):
		text, strange = fromUTF16(data[2:], binary.LittleEndian), true
	case bytes.HasPrefix(data, []byte("\xFE\xFF")):
		text, strange = fromUTF16(data[2:], binary.BigEndian), true
	default:
		text = data
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if bytes.IndexByte(text, '\r') >= 0 {
		text, strange = bytes.ReplaceAll(text, []byte("\r"), []byte("\n")), true
	}
	return text, strange
}

func fromUTF16(data []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

// Armour labels of private keys (RFC 7468, and before it OpenSSL's habit).
const (
	labelOpenSSH   = "OPENSSH PRIVATE KEY"
	labelRSA       = "RSA PRIVATE KEY"
	labelEC        = "EC PRIVATE KEY"
	labelDSA       = "DSA PRIVATE KEY"
	labelPKCS8     = "PRIVATE KEY"
	labelEncrypted = "ENCRYPTED PRIVATE KEY"
)

// parseArmour finds the first private key among the PEM blocks: a certificate or
// `EC PARAMETERS` may stand before it.
func parseArmour(data, text []byte, strange bool) (*File, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		f, err := parseBlock(block)
		if f == nil && err == nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		f.NeedsRepair = strange || f.Format == OpenSSH && !readableBySSH(data)
		f.repaired = data
		if f.NeedsRepair {
			f.repaired = pem.EncodeToMemory(block)
		}
		return f, nil
	}
	if bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		return nil, &CorruptError{What: "armour is broken"}
	}
	return nil, ErrNotKey
}

// parseBlock gives neither file nor error for a block that is no private key.
func parseBlock(block *pem.Block) (*File, error) {
	switch block.Type {
	case labelOpenSSH:
		return parseOpenSSH(block.Bytes)
	case labelRSA, labelEC:
		return parseTraditional(block)
	case labelPKCS8:
		return parsePKCS8(block.Bytes)
	case labelEncrypted:
		return parseEncryptedPKCS8(block.Bytes)
	case labelDSA:
		return nil, errDSA()
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil, &UnsupportedError{What: "PEM " + block.Type, Why: "no such SSH key"}
	}
	return nil, nil
}

// readableBySSH tells whether ssh and ssh-keygen read an OpenSSH key as it
// lies there: they want BEGIN at the start and a newline behind both lines
// (OpenSSH, sshkey.c, private2_uudecode).
func readableBySSH(data []byte) bool {
	return bytes.HasPrefix(data, []byte("-----BEGIN "+labelOpenSSH+"-----\n")) &&
		bytes.Contains(data, []byte("\n-----END "+labelOpenSSH+"-----\n"))
}

// algoDSA is named to be refused.
const algoDSA = "ssh-dss"

func errDSA() error {
	return &UnsupportedError{What: algoDSA, Why: "servers no longer take DSA keys"}
}
