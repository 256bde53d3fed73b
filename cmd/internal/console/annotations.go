package console

import (
	"io"

	"licenseguard/shared/license"
)

// Annotated is an annotation with its license.
type Annotated struct {
	ConfigurationID, Name string
	license.Annotation
}

// Annotations prints annotations.
func Annotations(w io.Writer, annotations []Annotated) {
	rows, details := make([][]string, len(annotations)), make([][]string, len(annotations))
	for i, a := range annotations {
		rows[i] = []string{a.Resource.AWSID(), text(a.Name, 30), string(a.Kind), a.From.UTC().Format(minute), a.Until.UTC().Format(minute)}
		details[i] = []string{a.Reason, "approved by " + a.Approver, "recorded " + a.At.UTC().Format(minute) + " by " + a.By, string(a.Resource)}
		if !a.Holds() {
			details[i] = append(details[i], "withdrawn "+a.Withdrawn.UTC().Format(minute)+" by "+a.WithdrawnBy)
		}
	}
	detailed(w, "RESOURCE\tLICENSE\tKIND\tFROM (UTC)\tTO", rows, details)
}
