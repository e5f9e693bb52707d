#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace recurra::binding {

namespace nb = nanobind;

// The message is put together only where it is needed.
inline void expect(bool is_so, const char* otherwise) {
    if (!is_so) throw nb::value_error(otherwise);
}
inline void expect(bool is_so, const std::string& otherwise) {
    expect(is_so, otherwise.c_str());
}

// The floats of a numpy array, or of a tensor, which shows its memory as one.
class Floats {
  public:
    Floats(nb::handle holder, int access) {
        const bool is_array = PyObject_CheckBuffer(holder.ptr()) != 0;
        if (!is_array && !nb::hasattr(holder, "numpy")) {
            throw nb::type_error("A stream reads and writes numpy arrays and torch tensors.");
        }
        const nb::object array = is_array ? nb::borrow(holder) : holder.attr("numpy")();
        if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | access) != 0) {
            throw nb::python_error();
        }
    }
    ~Floats() { PyBuffer_Release(&buffer_); }
    Floats(const Floats&) = delete;
    Floats(Floats&&) = delete;
    Floats& operator=(const Floats&) = delete;
    Floats& operator=(Floats&&) = delete;

    [[nodiscard]] float* data() const noexcept { return static_cast<float*>(buffer_.buf); }
    [[nodiscard]] bool is_flat() const noexcept { return buffer_.ndim == 1; }
    [[nodiscard]] int axes() const noexcept { return buffer_.ndim; }
    [[nodiscard]] std::int64_t axis(int number) const noexcept { return buffer_.shape[number]; }

    // (rows, width), or (width) where there is one row.
    void check(const char* name, std::int64_t rows, std::int64_t width) const {
        const bool is_float = std::strcmp(buffer_.format, "f") == 0;
        const bool fits = is_flat() ? rows == 1 && buffer_.shape[0] == width
                                    : buffer_.ndim == 2 && buffer_.shape[0] == rows && buffer_.shape[1] == width;
        if (!is_float || !fits) {
            throw nb::value_error(expected(name, rows, width).c_str());
        }
    }
    void check(const char* name, std::int64_t size) const {
        if (std::strcmp(buffer_.format, "f") != 0 || !is_flat() || buffer_.shape[0] != size) {
            throw nb::value_error(expected(name, 1, size).c_str());
        }
    }

    // So many floats, whatever the axes.
    void check_size(const char* name, std::int64_t size) const {
        if (std::strcmp(buffer_.format, "f") != 0 || buffer_.len != size * buffer_.itemsize) {
            throw nb::value_error((std::string(name) + " holds " + std::to_string(buffer_.len / buffer_.itemsize) +
                                   " numbers of format '" + buffer_.format + "'; expected " + std::to_string(size) +
                                   " of float32.")
                                      .c_str());
        }
    }

  private:
    [[nodiscard]] std::string expected(const char* name, std::int64_t rows, std::int64_t width) const {
        std::string shape;
        for (int axis = 0; axis < buffer_.ndim; ++axis) {
            shape += (axis == 0 ? "" : ", ") + std::to_string(buffer_.shape[axis]);
        }
        return std::string(name) + " has shape (" + shape + ") and format '" + buffer_.format +
               "'; expected float32 of shape (" + std::to_string(rows) + ", " + std::to_string(width) + ")" +
               (rows == 1 ? " or (" + std::to_string(width) + ")." : ".");
    }

    Py_buffer buffer_{};
};

}  // namespace recurra::binding
