package keystore

import (
	"bytes"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The SSH public key file format of RFC 4716: headers "Tag: value" that a
// backslash continues, then base64, lines of at most 72 bytes.
const (
	ssh2Begin = "---- BEGIN SSH2 PUBLIC KEY ----"
	ssh2End   = "---- END SSH2 PUBLIC KEY ----"
	ssh2Width = 70 // of the lines written; RFC 4716 allows 72
	// ssh2Comment is what ssh-keygen writes of a comment: more would need a
	// continued line, and PuTTY reads none.
	ssh2Comment = 60
)

func parseRFC4716(text []byte) (*File, error) {
	_, body, _ := bytes.Cut(text, []byte(ssh2Begin))
	body, _, ended := bytes.Cut(body, []byte(ssh2End))
	if !ended {
		return nil, &CorruptError{What: "no line " + ssh2End}
	}
	comment, encoded := rfc4716Parts(string(body))
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, &CorruptError{What: "base64 is broken"}
	}
	key, err := parsePublicBlob(blob)
	if err != nil {
		return nil, err
	}
	f := &File{Format: RFC4716, Comment: cleanComment(comment)}
	f.setPublic(key)
	return f, nil
}

// rfc4716Parts splits headers from base64. Tags are case-insensitive; quotes
// around a comment are not part of it (section 3.3.2).
func rfc4716Parts(body string) (comment, encoded string) {
	body = strings.ReplaceAll(body, "\\\n", "")
	var base strings.Builder
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		tag, value, header := strings.Cut(line, ":")
		switch {
		case !header:
			base.WriteString(line)
		case strings.EqualFold(tag, "Comment"):
			comment = strings.TrimSpace(value)
			if len(comment) > 1 && comment[0] == '"' && comment[len(comment)-1] == '"' {
				comment = comment[1 : len(comment)-1]
			}
		}
	}
	return comment, base.String()
}

// SSH2PublicKey gives a public key in the format of RFC 4716, with the first 60
// bytes of the comment.
func SSH2PublicKey(key ssh.PublicKey, comment string) []byte {
	var b bytes.Buffer
	b.WriteString(ssh2Begin + "\n")
	if comment = cutText(cleanComment(comment), ssh2Comment); comment != "" {
		b.WriteString(`Comment: "` + comment + "\"\n")
	}
	writeBase64(&b, key.Marshal(), ssh2Width)
	b.WriteString(ssh2End + "\n")
	return b.Bytes()
}

// writeBase64 writes lines of the given width.
func writeBase64(b *bytes.Buffer, data []byte, width int) {
	encoded := base64.StdEncoding.EncodeToString(data)
	for len(encoded) > width {
		b.WriteString(encoded[:width] + "\n")
		encoded = encoded[width:]
	}
	b.WriteString(encoded + "\n")
}
