package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// What is explained of an instance of a copied image: by which image a license
// applies, and where each step to it is from.
func TestExplainTellsTheLineage(t *testing.T) {
	const second, third = "ami-0bbbbbbbbbbbbbbb2", "ami-0ccccccccccccccc3"
	overrun(t, func(a *account) {
		a.turn(func(p *pipeline.Pipeline) error {
			for image, from := range map[license.ImageRef]license.Ancestor{
				{ID: third, Region: testRegion}:   {ImageID: second, Region: "eu-west-1", Link: license.LinkImage},
				{ID: second, Region: "eu-west-1"}: {ImageID: testImage, Region: "eu-west-1", Link: license.LinkInstance},
			} {
				data := fmt.Appendf(nil, `{"Image":{"ID":%q,"Region":%q},"Origin":{"ImageID":%q,"Region":%q,"Link":%q}}`, image.ID, image.Region, from.ImageID, from.Region, from.Link)
				if err := p.Store.PutDocument(t.Context(), ledger.Document{Kind: ledger.ImageOrigin, ID: image.Region + "/" + image.ID, Revision: 1, Data: data}); err != nil {
					return err
				}
			}
			return nil
		})
		for n, image := range map[int]string{10: third, 11: testImage} {
			in := machine(n)
			in.ImageID = image
			a.fleet.Set(in, license.Pending)
			time.Sleep(time.Second)
			a.set(n, license.Running)
		}
		steps := []string{"image " + third, "made from " + second + " in eu-west-1 (DescribeImages SourceImageId)",
			"made from " + testImage + " in eu-west-1 (DescribeImages SourceInstanceId, on record)"}
		a.does("explain "+machineID(10), append(steps, "applies by   ami "+testImage)...)
		a.does("explain --json "+machineID(10), `"Lineage": [`)
		if out := a.does("explain " + machineID(11)); strings.Contains(out, "made from") {
			t.Errorf("a lineage of an image that was made from none:\n%s", out)
		}
	})
}
