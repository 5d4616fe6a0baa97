package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ImageNamed is the image that a person names: by the tag of the base image, or base; by
// the label of an extra image; or as a label image:<base-image> or its reference.
func (p Policy) ImageNamed(text string, arch Arch) (ImageSpec, error) {
	if p.NoImages != "" {
		return ImageSpec{}, fmt.Errorf("%s", p.NoImages)
	}
	if !p.runsOn(arch) {
		return ImageSpec{}, fmt.Errorf("no class of this fleet is %s", arch)
	}
	label := strings.ToLower(text)
	switch reference, isLabel := strings.CutPrefix(text, imagePrefix); {
	case text == p.BaseImage || text == string(BaseImage):
		return p.spec(BaseImage, p.BaseImage, arch), nil
	case p.ExtraImages[label] != "":
		return p.spec(ExtraImage, label, arch), nil
	case isLabel || strings.ContainsAny(text, ":@"):
		if p.NoOnDemandImages != "" {
			return ImageSpec{}, fmt.Errorf("%s", p.NoOnDemandImages)
		}
		name, err := ParseImage(reference, p.Registries)
		if err != nil {
			return ImageSpec{}, err
		}
		return p.spec(OnDemandImage, name, arch), nil
	}
	names := append([]string{p.BaseImage}, slices.Sorted(maps.Keys(p.ExtraImages))...)
	return ImageSpec{}, fmt.Errorf("%s is not an image of this fleet: name one of %s, or an image of a registry as name:tag", QuoteShort(text), strings.Join(names, ", "))
}

// DefaultArch is the architecture of the default class.
func (p Policy) DefaultArch() Arch { return cmp.Or(p.Classes[p.DefaultClass].Arch, X64) }
