// A head that learns on the device: the nearest class mean of embeddings, from a few clips and without training.
// Each embedding is divided by its length; a class is the mean of its own (Mensink et al., IEEE TPAMI 35(11),
// 2013; prototypes of arXiv 1703.05175). The score of a class is the cosine to its mean. C++17, no dependencies.
#pragma once

#include <cmath>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

class NearestClassMean {
 public:
  using Embedding = std::vector<float>;

  // Adds a clip of a class, by the mean embedding of its windows. Throws std::invalid_argument if it is null,
  // not finite, or of another length than those before.
  void learn(const std::string& label, const Embedding& embedding) {
    const std::vector<double> direction = directionOf(embedding);
    if (!sums_.empty() && sums_.begin()->second.size() != direction.size()) {
      throw std::invalid_argument("an embedding of another length than those before");
    }
    std::vector<double>& sum = sums_[label];
    sum.resize(direction.size(), 0.0);
    for (size_t i = 0; i < direction.size(); ++i) sum[i] += direction[i];
  }

  // The cosine of an embedding to the mean of each class.
  std::map<std::string, double> scores(const Embedding& embedding) const {
    const std::vector<double> direction = directionOf(embedding);
    std::map<std::string, double> found;
    for (const auto& [label, sum] : sums_) {
      if (sum.size() != direction.size()) {
        throw std::invalid_argument("an embedding of another length than those before");
      }
      const std::vector<double> mean = directionOf(sum);
      double cosine = 0.0;
      for (size_t i = 0; i < mean.size(); ++i) cosine += mean[i] * direction[i];
      found[label] = cosine;
    }
    return found;
  }

  // The class of the greatest score; nothing if no score is at least `least`.
  std::optional<std::string> nearest(const Embedding& embedding, double least = -1.0) const {
    std::optional<std::string> best;
    for (const auto& [label, score] : scores(embedding)) {
      if (score >= least && (!best || score > least)) {
        best = label;
        least = score;
      }
    }
    return best;
  }

 private:
  template <typename Values>
  static std::vector<double> directionOf(const Values& values) {
    double squares = 0.0;
    for (const double value : values) squares += value * value;
    const double length = std::sqrt(squares);
    if (!(length > 0.0) || !std::isfinite(length)) {
      throw std::invalid_argument("an embedding that is null or not finite");
    }
    std::vector<double> direction(values.begin(), values.end());
    for (double& value : direction) value /= length;
    return direction;
  }

  std::map<std::string, std::vector<double>> sums_;
};
