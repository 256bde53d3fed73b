package api

import (
	"fmt"

	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
)

type getHistoryInput struct {
	LicenseConfigurationArn string `json:"LicenseConfigurationArn" api:"required"`
	MaxResults              *int64 `json:"MaxResults"`
	NextToken               string `json:"NextToken"`
}

type getHistoryOutput struct {
	Versions  []version `json:"Versions"`
	NextToken string    `json:"NextToken,omitempty"`
}

// version is one change of a configuration by a person.
type version struct {
	Revision  int64        `json:"Revision"`
	ChangedAt *epoch       `json:"ChangedAt"`
	ChangedBy string       `json:"ChangedBy"`
	Deleted   bool         `json:"Deleted,omitempty"`
	Changes   []difference `json:"Changes"`
}

type difference struct {
	Field string `json:"Field"`
	From  string `json:"From,omitempty"`
	To    string `json:"To,omitempty"`
}

// getHistory tells who changed a configuration, when and what, the oldest first; also
// of a deleted one.
func getHistory(c *call, in *getHistoryInput) (getHistoryOutput, error) {
	out := getHistoryOutput{Versions: []version{}}
	found, err := c.findEver(in.LicenseConfigurationArn)
	if err != nil {
		return out, err
	}
	most, after, err := c.start(paging{in.MaxResults, in.NextToken}, found.ID)
	if err != nil {
		return out, err
	}
	edits, err := c.Registrar.History(c.ctx, found.ID)
	if err != nil {
		return out, err
	}
	page, last := cut(edits, func(e *registrar.Edit) string { return fmt.Sprintf("%015d", e.Revision) }, after, most)
	for _, e := range page {
		v := version{Revision: e.Revision, ChangedAt: epochOf(e.At), ChangedBy: e.By, Deleted: e.Deleted, Changes: []difference{}}
		for _, d := range e.Differences {
			v.Changes = append(v.Changes, difference(d))
		}
		out.Versions = append(out.Versions, v)
	}
	out.NextToken = c.next(last, found.ID)
	return out, nil
}

// findEver is find, among the deleted ones, too.
func (c *call) findEver(arn string) (*license.Configuration, error) {
	found, err := c.find(arn)
	if err == nil {
		return found, nil
	}
	gone, listErr := c.Store.DeletedConfigurations(c.ctx)
	if listErr != nil {
		return nil, listErr
	}
	for i := range gone {
		if gone[i].AnswersTo(arn) {
			return &gone[i], nil
		}
	}
	return nil, err
}
