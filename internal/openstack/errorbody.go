package openstack

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/gophercloud/gophercloud/v2"
)

const (
	maxMessage   = 500 // bytes
	maxRequestID = 80  // bytes: "req-" and a UUID
)

// apiError reads what a service says about its own failure.
func apiError(k call, code gophercloud.ErrUnexpectedResponseCode) *APIError {
	path := ""
	if u, err := url.Parse(k.url); err == nil {
		path = u.EscapedPath()
	}
	message := errorMessage(code.Body)
	if to := code.ResponseHeader.Get("Location"); to != "" && code.Actual/100 == 3 {
		message = "redirects to " + withoutQuery(to)
	}
	return &APIError{
		Service:    string(k.service),
		Method:     k.method,
		Path:       path,
		Status:     code.Actual,
		Message:    line(message, maxMessage),
		RequestID:  requestID(code.ResponseHeader),
		retryAfter: retryAfter(code.ResponseHeader.Get("Retry-After"), time.Now()),
	}
}

// errorMessage finds the words in an error body: nova and cinder write
// {"itemNotFound": {"message": …}}, keystone {"error": {"message": …}}, neutron
// {"NeutronError": {"message": …}}, API-SIG {"errors": [{"detail": …}]}, webob's
// own errors {"message": …} or a page of HTML.
func errorMessage(body []byte) string {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return withoutTags(string(body))
	}
	if message := textField(object["message"]); message != "" {
		return withoutTags(message)
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(object["errors"], &list) == nil && len(list) > 0 {
		return firstOf(textField(list[0]["detail"]), textField(list[0]["title"]))
	}
	for _, raw := range object {
		var inner map[string]json.RawMessage
		if json.Unmarshal(raw, &inner) == nil {
			if message := textField(inner["message"]); message != "" {
				return message
			}
			continue
		}
		if message := textField(raw); message != "" {
			return message
		}
	}
	return ""
}

func textField(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

var (
	htmlHead = regexp.MustCompile(`(?is)<(head|style|script)\b.*?</(head|style|script)>`)
	htmlTag  = regexp.MustCompile(`<[^<>]*>`)
)

func withoutTags(s string) string {
	return htmlTag.ReplaceAllString(htmlHead.ReplaceAllString(s, " "), " ")
}

// line makes one bounded line of a peer's text, without control characters.
func line(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
