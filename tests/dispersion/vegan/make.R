# Makes expected.json beside it, the values that tests/dispersion/test_vegan.py holds ours against:
#
#     cd tests/dispersion/vegan && Rscript make.R
#
# with vegan 2.6-4 (Debian's r-cran-vegan). chord.csv and angular.csv are distances of 19 members of
# a run (debiased linear CKA's chord and the angular Procrustes distance at the last layer),
# nonmetric.csv is the fourth power of the latter.
suppressPackageStartupMessages(library(vegan))
options(digits = 17)

numbers <- function(values) sprintf("%.17g", values)
listed <- function(values) paste0("[", paste(values, collapse = ", "), "]")
quoted <- function(values) paste0('"', values, '"')

described <- function(name, distances, groups) {
  families <- as.character(groups)
  # betadisper warns of negative squared distances, which it sets to 0.
  betadisper_of <- function(...) suppressWarnings(betadisper(distances, groups, ...))
  adjusted <- betadisper_of(type = "centroid", bias.adjust = TRUE)
  table <- adonis2(distances ~ families, permutations = 0)
  entries <- c(
    distances = listed(numbers(as.vector(distances))),
    families = listed(quoted(families)),
    centroid = listed(numbers(betadisper_of(type = "centroid")$distances)),
    adjusted = listed(numbers(adjusted$distances)),
    median = listed(numbers(betadisper_of(type = "median")$distances)),
    F = numbers(anova(adjusted)[["F value"]][1]),
    adonis2_F = numbers(table$F[1]),
    adonis2_R2 = numbers(table$R2[1])
  )
  paste0('  "', name, '": {\n', paste0('    "', names(entries), '": ', entries, collapse = ",\n"),
         "\n  }")
}

ours <- function(name) {
  table <- read.csv(paste0(name, ".csv"), row.names = 1, check.names = FALSE)
  described(name, as.dist(as.matrix(table)), factor(sub("/.*", "", rownames(table))))
}

data(varespec)
data(dune)
data(dune.env)
grazing <- factor(c(rep(1, 16), rep(2, 8)), labels = c("grazed", "ungrazed"))
parts <- c(
  described("varespec", vegdist(varespec), grazing),
  described("dune", vegdist(dune), dune.env$Management),
  ours("chord"), ours("angular"), ours("nonmetric")
)
writeLines(c("{", paste(parts, collapse = ",\n"), "}"), "expected.json")
