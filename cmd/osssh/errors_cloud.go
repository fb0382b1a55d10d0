package main

import (
	"fmt"
	"strings"

	"osssh/internal/openstack"
)

// The words for what goes wrong between osssh and the cloud's APIs.

// pick offers the values that a flag could have.
func pick(flag string, values []string) string {
	if len(values) == 0 {
		return flag + " NAME"
	}
	return flag + " " + strings.Join(values, ", "+flag+" ")
}

func sayUnknownCloud(e *openstack.UnknownCloudError) words {
	w := words{what: fmt.Sprintf("no cloud %s in %s", e.Cloud, e.File), hint: pick("--os-cloud", e.Clouds)}
	if e.Cloud == "" {
		w.what = fmt.Sprintf("%s has several clouds and none is chosen", e.File)
	}
	return w
}

func sayInstead(e *openstack.AuthTypeError) string {
	switch e.Instead {
	case openstack.AuthApplicationCredential:
		return "openstack application credential create osssh, and auth_type: v3applicationcredential in clouds.yaml"
	case "":
		return ""
	}
	return fmt.Sprintf("auth_type: %s in clouds.yaml", e.Instead)
}

func sayAuthHint(e *openstack.AuthError) string {
	if e.AuthType == openstack.AuthApplicationCredential {
		return "it may have expired: openstack application credential list"
	}
	return "check user name, password, and both domains of the cloud's entry"
}

func sayAPI(e *openstack.APIError) words {
	w := words{what: fmt.Sprintf("%s answers %d: %s", e.Service, e.Status, e.Message)}
	if e.RequestID != "" {
		w.more = append(w.more, fmt.Sprintf("%s %s, request %s", e.Method, e.Path, e.RequestID))
	}
	switch {
	case e.Status == 403:
		w.hint = "ask for the role member in this project"
	case e.Status >= 500:
		w.hint = "try again; if it stays, tell the operator the request's id"
	}
	return w
}
