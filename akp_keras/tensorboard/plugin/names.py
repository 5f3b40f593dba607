"""Names that the writer and the reader of the page's data share."""

PLUGIN_NAME = "akp"
MEMBERS_TAG = "members"
DISPERSION_TAG = "dispersion"
MATRIX_TAG = "matrix"
TRAJECTORY_TAG = "trajectory"
PICTURES_TAG = "pictures"
SAMPLE_FACTORS_TAG = "sample_factors"
